"""Chosen twins on real endpoints, in a process of their own: what ``bench serve`` starts and watches."""

"""Thin edges between front ends and real wires."""

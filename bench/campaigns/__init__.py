"""Campaigns: what is done to a topology and what must hold."""

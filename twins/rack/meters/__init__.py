"""Emulated meters as twins: the world's metrology behind the services that any twin has."""

"""What goes over a wire: pure codecs and state machines, bytes in and events out. Imports nothing of the project."""

"""Queue and hold policies by name."""

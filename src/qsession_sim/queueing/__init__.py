"""Array functions for queues; they know NumPy and nothing of this package."""

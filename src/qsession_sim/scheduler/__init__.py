"""The rules of the service. Pure: standard library only, integer microseconds, no I/O, no randomness."""

"""The service in time: its scheduler inside SimPy, and the programs that use it."""

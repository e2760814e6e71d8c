"""Clients of the simulated service: ordinary programs, and its REST interface, answered in the process."""

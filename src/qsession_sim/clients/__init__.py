"""Clients of the simulated service: its REST interface, answered from a `LiveService`."""

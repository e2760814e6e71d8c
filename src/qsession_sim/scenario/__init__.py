"""Scenarios: what people write, and the resolved form that is simulated."""

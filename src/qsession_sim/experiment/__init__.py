"""Experiments: what researchers do with scenarios."""

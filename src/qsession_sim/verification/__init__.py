"""Verification: the simulator against what is known of queues, in estimates and in exact identities."""

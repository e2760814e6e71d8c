"""The SimPy shell around the scheduler; the only package that imports simpy."""

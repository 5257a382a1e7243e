"""Everything in one process: embedded PostgreSQL, an in-process broker, all services, the gateway.

The only package that imports every other one. ``python -m standalone`` serves the platform from a
data directory and survives being killed at any moment.
"""

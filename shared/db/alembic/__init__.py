"""Alembic's script directory, the same for all services."""

"""Calls of the gateway that have no contract yet; nothing may be added here."""

from __future__ import annotations

UNCOVERED = frozenset(
    """
    identity.ping
    platform.advance_clock platform.cancel_job platform.list_audit platform.list_jobs
    platform.ping platform.read_job_file platform.verify_audit
    """.split()
)

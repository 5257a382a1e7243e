"""The tables every service has: which of them hold anything about members, and what ends it."""

from __future__ import annotations

from collections.abc import Mapping

PLATFORM: Mapping[str, str] = {
    "idempotency": "Answers kept for repeated requests, sealed. Those to the member, and in members"
    " those that show it, are deleted.",
    "outbox": "Events name members by id. What `TOLD` lists of them is blanked.",
    "jobs": "Long work names members by id.",
    "job_chunks": "Files, sealed: those the member made, and in members those that show it, are"
    " deleted.",
    "job_cancellations": "Names jobs.",
    "audit": "What staff did names members by id and fields by name. Reasons are sealed, and kept"
    " as long as the trail (I4).",
    "audit_head": "The end of the trail.",
    "member_merge_steps": "Which members became one, by id (M3).",
    "member_redirects": "Who a member is by now, by id (M3).",
    "event_sequences": "Counts events by member's id.",
    "inbox": "Ids of events.",
    "inbox_checkpoints": "Ids of events.",
    "sandbox_clock": "The time.",
}
"""Not exported: they repeat what is exported, or say how it was handled."""

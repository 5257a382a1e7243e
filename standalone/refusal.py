"""Reasons not to start that are the operator's to remove: one line each, never a traceback."""

from __future__ import annotations

WRONG_SETTING = 2
IN_USE = 1


class Refusal(Exception):
    """The process cannot start; the message says why and what to do about it."""

    def __init__(self, message: str, status: int = IN_USE) -> None:
        """Keep the sentence for people and the exit status for programs."""
        super().__init__(message)
        self.status = status

"""What stand-ins for the services' side of the gateway have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.calls import CallContext, Reply
from shared.contracts.method import Method
from shared.errors import LoyaltyError


class OneByOne:
    """Makes calls that may go side by side one after the other."""

    def call(self, method: Method, payload: Mapping[str, Any], context: CallContext) -> Reply:
        """Answer a call."""
        raise NotImplementedError

    def call_all(
        self, calls: Sequence[tuple[Method, Mapping[str, Any], CallContext]]
    ) -> list[Reply | LoyaltyError]:
        """Answer each call; a refusal stands in its place."""
        outcomes: list[Reply | LoyaltyError] = []
        for each in calls:
            try:
                outcomes.append(self.call(*each))
            except LoyaltyError as refusal:
                outcomes.append(refusal)
        return outcomes

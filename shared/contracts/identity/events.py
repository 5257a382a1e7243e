"""Facts about stores: others judge local time by them (E2) and keep what they need."""

from __future__ import annotations

from shared.contracts.base import EventSchema
from shared.contracts.event import EventType
from shared.contracts.fields import ExternalKey, StrictBoolean, Text


class StoreData(EventSchema):
    """A store as it is from now on."""

    store_id = ExternalKey(required=True)
    name = Text(required=True)
    time_zone = Text(required=True)
    """IANA name."""
    active = StrictBoolean(required=True)


STORE_OPENED = EventType("store.opened", 1, "identity", StoreData)
STORE_CHANGED = EventType("store.changed", 1, "identity", StoreData)
"""Subject of both is the store's id."""

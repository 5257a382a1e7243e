"""Sending one-time codes to phones (I2).

A sender is chosen by one URL, so that an operator's SMS provider is configuration: any of apprise's
services, such as ``twilio://account:token@from/{phone}``, or ``json://gateway.example/sms/{phone}``
for a gateway of one's own. ``console:`` prints instead, for machines without a provider.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Protocol
from urllib.parse import quote

import apprise

CONSOLE = "console:"


class NotSent(Exception):
    """The provider did not take the message; it may be tried again."""


class Sender(Protocol):
    """Something that brings a text to a phone."""

    def send(self, phone: str, text: str) -> None:
        """Send ``text`` to ``phone`` (E.164); raises `NotSent`."""
        ...


class ConsoleSender:
    """Prints messages; whoever reads the console can sign in as anybody."""

    def send(self, phone: str, text: str) -> None:
        """Print the message to stderr."""
        print(f"{phone}: {text}", file=sys.stderr)


class AppriseSender:
    """Sends through a provider that apprise knows."""

    def __init__(self, template: str) -> None:
        """Take the provider's URL with ``{phone}`` where the number goes.

        Raises:
            ValueError: the URL has no such place, or is no provider's.
        """
        if "{phone}" not in template or not _target(template, "+8613800138000"):
            raise ValueError("not the URL of a provider with {phone} in it")
        self._template = template

    def send(self, phone: str, text: str) -> None:
        """Send the message; raises `NotSent`."""
        if not _target(self._template, phone).notify(body=text):
            raise NotSent


@lru_cache(maxsize=4)
def sender_of(url: str) -> Sender:
    """Return the sender that a setting names; raises `ValueError`."""
    return ConsoleSender() if url == CONSOLE else AppriseSender(url)


def _target(template: str, phone: str) -> apprise.Apprise:
    target = apprise.Apprise()
    target.add(template.replace("{phone}", quote(phone, safe="")))
    return target

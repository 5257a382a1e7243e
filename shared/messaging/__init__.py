"""Connections to the broker: what RPC, events and the relay have in common."""

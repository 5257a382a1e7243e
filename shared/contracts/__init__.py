"""The wire format, once: schemas of RPC calls and events, per service that provides them."""

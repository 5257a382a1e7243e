"""What the identity service offers: calls in `rpc`."""

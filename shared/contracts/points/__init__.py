"""What the points service offers: calls in `rpc`, facts in `events`."""

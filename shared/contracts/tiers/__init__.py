"""What the tiers service offers: calls in `rpc`, facts in `events`."""

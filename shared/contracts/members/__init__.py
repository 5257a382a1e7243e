"""What the members service offers: calls in `rpc`, facts in `events`."""

"""What the coupons service offers: calls in `rpc`, facts in `events`."""

"""What has to add up between the tables of coupons, whoever died on the way."""

from __future__ import annotations

COUNTERS = """
SELECT u.scope, u.holder, u.used, (
    SELECT CASE u.scope WHEN 'budget' THEN coalesce(sum(r.discount_minor), 0) ELSE count(*) END
    FROM redemptions r
    WHERE r.campaign_id = u.campaign_id AND r.status IN ('reserved', 'redeemed')
      AND (u.scope <> 'member' OR r.member_id = u.holder::uuid)
) AS counted
FROM usage u WHERE u.scope IN ('budget', 'uses', 'member')
"""
"""Budgets and limits with what is used of them: ``used`` is ``counted`` in each row."""

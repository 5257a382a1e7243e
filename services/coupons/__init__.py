"""Coupons: campaigns, codes, who holds which coupon, and what an order's coupons take off.

Owns campaigns, coupons, their codes, reservations, redemptions, limits and budgets; the catalogue
of rewards and their orders.

Invariants:
    - A coupon changes status by one conditional UPDATE whose row count is tested, with a history
      row in the same transaction (C1). One coupon is in at most one living redemption: a unique
      index says so, whatever the code does.
    - A coupon given away is ``gifted`` for ever; its receiver holds another one that takes its
      place, under a code the giver does not know.
    - What is given upon an event, a tier or a birthday is given once: the occasion is a unique key.
    - Limits and budgets are taken with the reservation, returned with it, and never passed (C6).
    - Time judges, not a job: a coupon is lapsed from its instant on, even where the sweep that
      writes it down is late (C5).
    - A reward order takes stock, the member's share and the coupons it gives in one transaction,
      and keeps them only if points captured what pays for it (R1). A CHECK keeps stock above -1.
    - Locks are taken in one order everywhere: order, usage counters by key, coupons by id.

Events in: ``member.enrolled``, ``member.updated``, ``member.merged``, ``member.unmerged``,
``member.export_requested``, ``member.erased`` (M6), ``tier.changed``, ``benefit.granted``,
``sale.recorded``, ``sale.returned``, ``sale.cancelled``, ``checkout.closed``,
``points.redeemed``, ``points.released``.
Events out: ``coupon.issued``, ``.reserved``, ``.redeemed``, ``.restored``, ``.prolonged``,
``.voided``, ``.expiring``, ``.expired``, ``campaign.budget_alarm``, ``coupons.merge_applied``,
``coupons.export_part``, ``coupons.erasure_acknowledged``, ``reward.ordered``, ``.fulfilled``,
``.cancelled``.
"""

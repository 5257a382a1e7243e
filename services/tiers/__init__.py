"""Tiers: what a member's purchases make of it.

Owns the tier programme's versions, what each sale contributes, each member's tier and its history.
Invariants:

- qualifying points are counted apart from spendable ones: net spend in whole currency units (T1);
- a tier rises at once and is never lost to a return (T3);
- every change of tier leaves a history row nobody can rewrite, and an event (T8);
- the order in which events arrive does not matter to what has been contributed.

Events out: ``tier.changed``. Events in: ``member.enrolled``, ``sale.recorded``, ``sale.returned``,
``sale.cancelled``.
"""

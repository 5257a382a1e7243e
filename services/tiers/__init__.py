"""Tiers: what a member's purchases make of it.

Owns the tier programme's versions, what each sale contributes, each member's tier and its history.
Invariants:

- qualifying points are counted apart from spendable ones: net spend in whole currency units (T1);
- a tier rises at once; it falls one level at most, at the end of a grace after a failed review, and
  is never lost to a return (T3);
- the tier is what all facts say, in whatever order they were heard of: a late one that questions an
  earlier judgement corrects it;
- every change of tier leaves a history row nobody can rewrite, with cause and evidence, and news
  (T5, T8);
- an override is a floor with a date; more than one level above what is earned takes two people
  (T4);
- the uses of a benefit never exceed its quota, and each ``use_id`` is one use (T6);
- a published version of the programme never changes (T5).

Events out: ``tier.changed``, ``tier.review_due``, ``tier.override_requested``, ``benefit.used``,
``benefit.reversed``, ``benefit.granted``, ``subscription.renewal_due``, ``tiers.merge_applied``,
``tiers.export_part``, ``tiers.erasure_acknowledged``. Events in: ``member.enrolled``,
``member.updated``, ``member.merged``, ``member.unmerged``, ``member.export_requested``,
``member.erased`` (M6), ``sale.recorded``, ``sale.returned``, ``sale.cancelled``,
``checkout.closed``.
"""

"""Points: the ledger, the sales and returns that move it, and the outcome of every order.

Owns the journal (transactions, postings, lots and their entries), the accounts that cache its sums,
holds, adjustments, transfers, sales with their lines and returns, and checkouts. What holds:

- The journal is append-only and double-entry; the database refuses to change it (L1).
- cache = sum of postings = sum of the lots' remaining, per account, at any moment (L2).
- Whoever touches an account locks it first, in the order of member ids, and writes what is due on
  it before anything else: activations, lapses, ends of holds (L4, L5, L8, E5).
- Published versions of earning rules are never changed; a sale is judged by those of its time (E2).
- A sale, a return, an activity, a lot's expiry is journalled once, whatever arrives how often (L7).

Events out: ``points.earned``, ``points.redeemed``, ``points.expired``, ``points.expiring``,
``points.held``, ``points.released``, ``points.adjusted``, ``points.transferred``,
``sale.recorded``, ``sale.returned``, ``sale.cancelled``, ``sale.claimed``, ``checkout.closed``,
``points.merge_applied``, ``points.export_part``, ``points.erasure_acknowledged``. Events in:
``member.merged``, ``member.unmerged`` (whose account is whose, M3), ``member.enrolled``,
``member.updated`` (who may own points), ``member.household_changed`` (who may pool them, L10),
``member.export_requested``, ``member.erased`` (M6), ``store.opened``, ``store.changed`` (local
time, E2), ``tier.changed`` (the earn multiplier, T8), ``reward.cancelled`` (points go home, R1),
``benefit.granted`` (points that a tier gives, T6).
"""

"""Identity: staff, stores, terminals, API clients, and how all of them and members sign in.

It owns the signing keys of access tokens, one-time codes and refresh-token families. Of a member
it knows an id and, for a few minutes, the keyed digest of a phone.

What always holds:

- A secret is kept as a hash only; signing keys are sealed by the master key.
- A failed sign-in says nothing about what was wrong, by words, status or time (I3).
- A refresh token works once; using it again ends its family (I1).
- There is an active admin.

Events out: ``store.opened``, ``store.changed``, ``identity.merge_applied``,
``identity.export_part``, ``identity.erasure_acknowledged``. Events in: ``member.merged``,
``member.unmerged``, ``member.export_requested``, ``member.erased`` (M6).
"""

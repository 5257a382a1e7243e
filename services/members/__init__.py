"""Members: who takes part, and by which identifiers they are recognised.

Owns profiles, identifiers (phone, e-mail, card, external id) and consents. Invariants:

- an identifier has one owner at a time; phones are compared in E.164 (M1);
- no personal value is stored in plain: values are sealed with a key per member, found by keyed
  hashes, and kept out of events and stored answers (M4);
- whoever is not the member sees personal values masked (M7);
- a merge of two members is decided here; the others follow its steps and confirm them (M3);
- once a member is erased nothing that is kept leads to the person (M6).

Events out: ``member.enrolled``, ``member.updated``, ``member.frozen``, ``member.merged``,
``member.unmerged``, ``member.imported``,
``member.household_changed``, ``member.export_requested``, ``member.erased``.
Events in: each service's ``merge_applied``, ``export_part`` and ``erasure_acknowledged``.
"""

"""Writes of the tiers service.

- `facts`: what sales contribute and what came back.
- `states`: members' tiers, locked one by one or in batches, and their history.
- `programmes`: versions of the programme.
- `overrides`: floors under a tier.
"""

"""Tier rules, pure: everything they need is an argument.

- `programme`: levels, windows, review and grace of a version (T1, T2, T5).
- `progress`: what sales contribute and how much counts at an instant (T1, T2).
- `machine`: the life of an earned tier (T3).
"""

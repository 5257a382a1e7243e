"""What the service does, one function a use case, one use case a transaction.

Signing in: `grants` and the tokens they end in (`tokens`). Keeping: `staff`, `machines`.
"""

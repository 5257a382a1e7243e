"""Library of every Loyalty process: contracts, database, messaging, clock, ids, money, errors."""

__version__ = "0.1.0"

"""Library of every Loyalty process: contracts, database, messaging, clock, ids, money, errors."""

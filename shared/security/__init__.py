"""Keys and what is done with them: hashes for look-up, envelope encryption, scopes of tokens."""

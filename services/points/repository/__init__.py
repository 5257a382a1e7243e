"""What the use cases write, and the locks they take for it."""

"""How fast, measured next to a ceiling taken in the same run."""

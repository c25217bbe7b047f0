"""Login and access."""

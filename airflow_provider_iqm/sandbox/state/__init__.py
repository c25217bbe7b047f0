"""State of a running sandbox."""

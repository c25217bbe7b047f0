"""Records and their values."""

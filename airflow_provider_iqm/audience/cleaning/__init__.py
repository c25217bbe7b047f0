"""Clean a list: normalize, hash, drop and report."""

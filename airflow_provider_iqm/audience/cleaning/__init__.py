"""The cleaning of a list: normalize, hash, drop, report."""

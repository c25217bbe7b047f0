"""The rate limit, faults on order, and the admin calls."""

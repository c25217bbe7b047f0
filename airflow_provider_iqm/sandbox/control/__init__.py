"""The rate limit, fault injection, and the admin API."""

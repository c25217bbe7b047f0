"""How requests are sent: rate limit, retries, transport errors, progress."""

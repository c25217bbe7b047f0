"""The rate limit of an account: shared by all hosts, by a host, or by pool slots."""

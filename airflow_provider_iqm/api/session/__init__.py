"""Login, token and renewal, which every call to IQM requires."""

"""Login, token, renewal: what every call to IQM needs first."""

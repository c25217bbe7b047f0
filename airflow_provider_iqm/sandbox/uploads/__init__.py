"""Uploads as they arrive."""

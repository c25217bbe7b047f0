"""Polling audiences until they are ready."""

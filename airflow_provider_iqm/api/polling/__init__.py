"""Waiting for audiences: what is asked, and when they are ready."""

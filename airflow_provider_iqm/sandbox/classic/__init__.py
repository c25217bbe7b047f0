"""The classic calls."""

"""Streaming of uploads."""

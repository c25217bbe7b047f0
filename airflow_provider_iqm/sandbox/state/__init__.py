"""What a running sandbox knows."""

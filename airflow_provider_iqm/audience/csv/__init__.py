"""CSV files: checked, counted, written."""

"""Damage by spreadsheets or wrong encodings."""

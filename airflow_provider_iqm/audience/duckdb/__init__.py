"""DuckDB, as this package uses it."""

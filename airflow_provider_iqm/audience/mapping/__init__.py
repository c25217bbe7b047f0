"""Column mappings: file column → IQM field."""

"""File columns and the IQM fields that they are mapped to."""

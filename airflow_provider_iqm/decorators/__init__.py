"""TaskFlow decorators of IQM."""

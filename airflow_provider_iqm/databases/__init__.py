"""How a query becomes a CSV file."""

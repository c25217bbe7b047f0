"""Export the result of a SQL query as a CSV file."""

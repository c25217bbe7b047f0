"""Leave out the records of people on a suppression list."""

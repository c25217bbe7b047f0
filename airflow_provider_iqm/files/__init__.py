"""Local files, whatever is in them: scratch folders, file bodies, errors of the system."""

"""Reading uploads as streams."""

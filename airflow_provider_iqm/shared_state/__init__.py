"""What the tasks of one account share."""

"""What IQM's API says: requests built and answers read, as pure data. Nothing in here sends anything."""

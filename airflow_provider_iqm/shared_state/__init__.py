"""What the tasks of one IQM account share: the ledger of its requests, its token and its static lists."""

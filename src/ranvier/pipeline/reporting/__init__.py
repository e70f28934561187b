"""Reports about calls: their records, events and log messages."""

"""What is written down and announced about a call: its record, events, log messages."""

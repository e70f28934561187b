"""Requests that were rejected for something that can be fixed: the fixed one is sent once more."""

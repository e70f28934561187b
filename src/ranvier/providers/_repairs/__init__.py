"""Fixes requests that a provider rejected for a setting with a known fix, and sends them once more."""

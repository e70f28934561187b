"""Limits of waits: timers, cancellation, cleanup."""

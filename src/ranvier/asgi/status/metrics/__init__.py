"""The metrics for Prometheus: of one worker, and of all that share a store."""

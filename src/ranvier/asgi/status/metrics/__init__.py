"""The metrics for Prometheus: of one worker, and of all workers that share a store."""

"""The counts of the last minutes: of one worker, and of all workers that share a store."""

"""What was counted lately: by one worker, and by all that share a store."""

"""Pipelines with `store=`: each is one worker of a service, and shares its state with the other workers."""

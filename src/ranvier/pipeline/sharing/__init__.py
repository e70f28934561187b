"""The interfaces by which layers share state with other workers."""

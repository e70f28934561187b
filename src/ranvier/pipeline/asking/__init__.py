"""One attempt at one target, and the handling of its answer or error."""

"""One attempt at one target, and what is made of its answer or error."""

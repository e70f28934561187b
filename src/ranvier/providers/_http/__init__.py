"""A small port to HTTP, and who shares which client."""

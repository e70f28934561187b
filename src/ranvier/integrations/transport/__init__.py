"""ranvier as the HTTP transport of an official SDK."""

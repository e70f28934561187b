"""What a response has beside its content: citations and other details, and the HTTP reply."""

"""A streamed answer: from the provider to its reader, and how it ends."""

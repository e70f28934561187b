"""Pictures, documents and sound."""

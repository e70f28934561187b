"""Schemas of structured answers and tool arguments: JSON schemas, and types that declare them."""

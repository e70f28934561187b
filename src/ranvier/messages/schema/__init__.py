"""The form of structured answers and of tool arguments: JSON schemas, and the types that declare them."""

"""Which model takes which parameter and which schema."""

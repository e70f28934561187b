"""The clouds that serve the models of others, with addresses and tokens of their own."""

"""Tokens that expire: calls a user's function for them, and keeps each for as long as it is valid."""

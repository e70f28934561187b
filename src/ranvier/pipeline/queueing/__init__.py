"""The fair queue, which decides which waiting call is next."""

"""The checks that each provider makes of a request."""

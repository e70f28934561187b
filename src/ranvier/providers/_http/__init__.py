"""The HTTP port, its engines, and the clients that providers share."""

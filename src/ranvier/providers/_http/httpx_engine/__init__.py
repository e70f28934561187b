"""The default engine behind the port: httpx, and httpx2."""

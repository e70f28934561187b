"""The default engine: httpx, and httpx2."""

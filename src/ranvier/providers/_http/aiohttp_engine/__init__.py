"""The fast engine behind the port: aiohttp, used directly."""

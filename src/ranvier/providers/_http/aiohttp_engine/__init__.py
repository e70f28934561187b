"""The faster engine: aiohttp, used directly."""

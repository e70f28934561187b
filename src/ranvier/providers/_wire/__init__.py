"""What all HTTP adapters share: the request out, the reply in."""

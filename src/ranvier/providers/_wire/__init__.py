"""What all HTTP adapters share: sending the request and reading the reply."""

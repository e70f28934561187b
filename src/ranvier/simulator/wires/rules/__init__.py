"""What each provider checks in a request."""

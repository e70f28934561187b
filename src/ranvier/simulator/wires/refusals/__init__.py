"""What each provider refuses, with its own bodies."""

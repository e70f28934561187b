"""Services of several workers, and stores that fail."""

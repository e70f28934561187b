"""What the layers of a pipeline share with other workers, as far as they know of it."""

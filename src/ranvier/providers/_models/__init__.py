"""Which model accepts which parameters and schemas."""

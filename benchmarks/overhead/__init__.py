"""What the layers cost, without any network."""

"""What the tests with instructor share."""

"""What the tests of `pipeline.map` share."""

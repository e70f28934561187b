"""What the tests of `pipeline.sync` share."""

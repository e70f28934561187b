"""`pipeline.sync`: the pipeline without `await`, on an event loop in a background thread."""

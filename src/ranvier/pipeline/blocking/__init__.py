"""`pipeline.sync`: a pipeline for code that cannot `await`, on an event loop in a thread of its own."""

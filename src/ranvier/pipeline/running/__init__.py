"""The lifecycle of a pipeline on its event loop: opening, calls in flight, closing."""

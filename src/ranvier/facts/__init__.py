"""Facts about a call: its attempts, its story, its price. This package imports nothing of the pipeline."""

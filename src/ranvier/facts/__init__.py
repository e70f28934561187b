"""What is known of a call: its attempts, its story, its price. It imports nothing of the pipeline."""

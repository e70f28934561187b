"""`pipeline.map`: the answers to many prompts. Start reading at `run.py`."""

"""Models of pydantic-ai over the simulator: ours, and its own."""

"""What ranvier costs, beside a floor and its peers: `python -m benchmarks.run`."""

"""What the tests of adapters already have: bodies of the seven wires, and the recorded traffic."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

"""What the tests of adapters already have: servers on loopback, and bodies of the seven wires."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "providers"))

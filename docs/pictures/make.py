"""Draws all pictures: `python docs/pictures/make.py`."""

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.py") if path.stem not in ("drawing", "make"))

if __name__ == "__main__":
    sys.path[:0] = [str(HERE), str(HERE.parents[1] / "tests")]  # the demo's outage is played by tests/support
    for name in NAMES:
        (HERE / f"{name}.svg").write_text(import_module(name).draw().svg(), encoding="utf-8")

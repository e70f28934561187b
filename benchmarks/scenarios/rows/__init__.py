"""The scenarios, in the order of the page."""

# isort: off
from benchmarks.scenarios.rows import silence, outages, limits, tenants, shares  # noqa: F401
from benchmarks.scenarios.rows import shared_keys, pacing, adaptive, balance  # noqa: F401
from benchmarks.scenarios.rows import spending, deadlines, words  # noqa: F401
from benchmarks.scenarios.row import ROWS, Row

# isort: on

__all__ = ["NOT_RUN", "ROWS", "Row"]

NOT_RUN = {
    "A public failover benchmark of 16 faults": "its faults and its judge are not part of this repository",
}
"""What else has a bound, and why no command of ours runs it."""

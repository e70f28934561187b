"""The scenarios, in the order of the page."""

from benchmarks.scenarios.row import ROWS, Row
from benchmarks.scenarios.rows import (  # noqa: F401  # because: they register what is in them
    deadlines,
    limits,
    outages,
    silence,
    tenants,
    words,
)

__all__ = ["NOT_RUN", "ROWS", "Row"]

NOT_RUN = {
    "A public failover benchmark of 16 faults": "its faults and its judge are not part of this repository",
}
"""What else has a bound, and why no command of ours runs it."""

"""What a shared circuit does with a call."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What a shared circuit does with a call."""

    PASSES = "passes"
    """Admits it; its success does not close the circuit."""

    PROBES = "probes"
    """Admits it as the probe of this cooldown."""

    LAST_RESORT = "last resort"
    """Admit the call although it is no probe: no other target is left, or the circuit is only observed.

    Its content may close the circuit.
    """

    REJECTED = "rejected"


PASSES, PROBES, LAST_RESORT, REJECTED = Verdict

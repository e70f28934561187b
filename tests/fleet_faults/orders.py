"""What a worker of the fleet is told, as the argument of its process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Orders:
    """What a worker is told.

    Attributes:
        number: Which worker it is.
        log: The file that it writes.
        openai, anthropic: Base URLs: of the first target, which fails, and of the second, which does not.
        store: The URL of the store; `None` for a worker alone.
        tenants: How many it serves.
        pause: Seconds between two calls of a tenant, on average.
        clock: Seconds by which its wall clock is wrong.
        protocol: The number of its protocol; `None` for the true one.
    """

    number: int
    log: str
    openai: str
    anthropic: str
    store: str | None
    tenants: int = 3
    pause: float = 0.4
    clock: float = 0.0
    protocol: int | None = None

    @property
    def text(self) -> str:
        """What the process is started with."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Orders:
        """The orders that a process was started with."""
        return cls(**json.loads(text))

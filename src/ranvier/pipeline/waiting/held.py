"""What a call holds in an outer layer while it is sent, and gives back while it waits further in."""

from __future__ import annotations

from typing import Protocol

from ranvier.errors.rejected import RejectedError


class Held(Protocol):
    """A place that a call holds.

    Attributes:
        latest: Until when the call may wait at its target, all its waits together; `None` means no limit.
    """

    latest: float | None

    def standing(self) -> tuple[float, int]:
        """The weight of the tenant, and the priority of the call, where calls wait in fair order."""

    def give_back(self) -> None:
        """The call begins to wait, and must hold nothing meanwhile."""

    def take_back(self) -> None:
        """The wait is over.

        Raises:
            RequeueError: no place is free now.
        """


class RequeueError(RejectedError):
    """Sends a call that has not been sent yet back to the layer `by`, to wait there. It never leaves that."""

    def __init__(self, by: object) -> None:
        super().__init__("the call has to wait again before it is sent")
        self.by = by

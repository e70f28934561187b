"""A place that a call holds in an outer layer, and gives back while it waits in an inner layer."""

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
    """Makes a call that has not been sent wait again at the layer or place `by`, which catches this error."""

    def __init__(self, by: object) -> None:
        super().__init__("the call has to wait again before it is sent")
        self.by = by

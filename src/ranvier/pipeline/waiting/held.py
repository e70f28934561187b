"""A place that a call holds in an outer layer, and gives back while it waits in an inner layer."""

from __future__ import annotations

from typing import Protocol

from ranvier.errors.rejected import RejectedError


class Held(Protocol):
    """A place that a call holds.

    Attributes:
        latest: The time until which the call may wait at its target in total; `None` means no limit.
    """

    latest: float | None

    def standing(self) -> tuple[float, int]:
        """The weight of the tenant and the priority of the call in the fair queue."""

    def give_back(self) -> None:
        """Release the place, because the call begins to wait further in."""

    def take_back(self) -> None:
        """Take a place again, because the wait has ended.

        Raises:
            RequeueError: no place is free now.
        """


class RequeueError(RejectedError):
    """Sends an unsent call back to wait at the layer or place `by`, which catches this error."""

    def __init__(self, by: object) -> None:
        super().__init__("the call has to wait again before it is sent")
        self.by = by

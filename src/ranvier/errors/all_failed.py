"""Every target failed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from ranvier.errors.provider import UnsupportedRequestError
from ranvier.errors.rejected import CredentialMissingError, NotAllowedError, RejectedError
from ranvier.errors.root import RanvierError

NO_FAILURES = frozenset((CredentialMissingError.kind, NotAllowedError.kind))
"""The kinds of errors for which neither a provider nor ranvier has failed."""


class AllDeploymentsFailedError(RanvierError, ExceptionGroup[RanvierError]):
    """Two or more targets failed. `exceptions` has one error per target, in the order they were tried."""

    kind = "all_failed"

    if TYPE_CHECKING:  # because the group is flat: it never contains another group

        @property
        def exceptions(self) -> tuple[RanvierError, ...]:
            """One error for each target, in the order they were tried."""

    def __new__(cls, message: str, errors: Sequence[RanvierError]) -> Self:
        """Create the group as `ExceptionGroup` does: its members are set here, not in `__init__`."""
        return super().__new__(cls, message, errors)

    def __init__(self, message: str, errors: Sequence[RanvierError]) -> None:
        super().__init__(message, errors)
        waits = [error.retry_after for error in errors if error.retry_after is not None]
        self.retry_after = min(waits, default=None)

    @property
    def outcome(self) -> str:
        """The kind of this error.

        If the tenant has no key or is not allowed at any target: the kind of the first error, because nothing
        has failed then.
        """
        kinds = [error.kind for error in self.exceptions]
        return kinds[0] if NO_FAILURES.issuperset(kinds) else self.kind

    def derive(self, errors: Sequence[RanvierError]) -> Self:  # type: ignore[override]  # because: it holds only RanvierErrors
        """Build the part of this group that `split` and `subgroup` keep."""
        return type(self)(self.message, errors)

    @property
    def primary(self) -> RanvierError:
        """The error of the first target that received a request.

        If none did: the first rejection by ranvier, such as of an open circuit, because a target that cannot
        serve the request says nothing of those that can; otherwise the first error.
        """
        able = [error for error in self.exceptions if not _cannot_serve(error)]
        sent = (error for error in able if not isinstance(error, RejectedError))
        return next(sent, (able or self.exceptions)[0])

    @property
    def nothing_sent(self) -> bool:
        """True if ranvier rejected the call at every target, so that no provider saw the prompt."""
        return all(isinstance(error, RejectedError) for error in self.exceptions)


def _cannot_serve(error: RanvierError) -> bool:
    """True if the target was sent nothing, because it does not support something in the request."""
    return isinstance(error, UnsupportedRequestError) and error.status is None

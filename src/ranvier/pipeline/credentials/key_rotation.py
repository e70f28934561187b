"""Rotates among several keys, skipping those that are currently limited or rejected."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ranvier.messages.native import Native, account_of
from ranvier.pipeline.asking.optional_members import credential_of
from ranvier.pipeline.credentials.resolver import SHARED, Holder, Key

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment

MAX_FURTHER_KEYS = 2
"""Further keys that a call may try at one target if its first one was at fault."""

ClosedFor = Callable[["Deployment", str, float], float]
"""A function of a target, a key and the current time: seconds until the key may be used; 0 means now."""


class KeyRotation:
    """Chooses among the keys of a tenant at a provider.

    Attributes:
        closed_for: Functions that return for how long a key may not be used.
    """

    def __init__(self, max_entries: int) -> None:
        self.closed_for: list[ClosedFor] = []
        self._max_entries = max_entries
        # For holders of several keys: the index of the next one, and the keys.
        self._turns: OrderedDict[Holder, tuple[int, tuple[str, ...]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._turns)

    def choose(self, answer: tuple[Key, ...], call: Call, deployment: Deployment) -> str | None:
        """The key to use of those in `answer`, or `None`."""
        keys = [credential_of(deployment.provider) if each is SHARED else each for each in answer]
        usable = [key for key in keys if key]
        if len(usable) < 2:
            return usable[0] if usable else None
        holder = (call.tenant, deployment.provider.name)
        turn = self._turns.get(holder, (0, ()))[0] % len(usable)
        in_turn = usable[turn:] + usable[:turn]
        waits = self._waits(in_turn, call, deployment)
        chosen = waits.index(min(waits))  # the first that may be used at once, or else the earliest
        following = turn + chosen + 1
        holding = _position_of_issuer(call, in_turn)
        if holding is not None and waits[holding] == waits[chosen]:
            chosen, following = holding, turn
        self._turns[holder] = following, tuple(usable)
        self._turns.move_to_end(holder)
        if len(self._turns) > self._max_entries:
            self._turns.popitem(last=False)
        return in_turn[chosen]

    def another(self, call: Call) -> str | None:
        """A known key for the target of `call`, other than its own, that may be used at once."""
        turn, keys = self._turns.get((call.tenant, call.deployment.provider.name), (0, ()))
        turn = turn % len(keys) if keys else 0
        return self.untried(keys[turn:] + keys[:turn], call)

    def untried(self, keys: Sequence[Key], call: Call) -> str | None:
        """The first of `keys` that may be used at once, and that `call` has not tried at its target."""
        target = call.deployment.target
        tried = [key for at, key in call.record.tried_keys if at == target]
        if len(tried) > MAX_FURTHER_KEYS:
            return None
        usable = [credential_of(call.deployment.provider) if key is SHARED else key for key in keys]
        fresh = [key for key in usable if key and hash(key) not in tried and key != call.credential]
        waits = self._waits(fresh, call, call.deployment)
        return fresh[waits.index(0.0)] if 0.0 in waits else None

    def _waits(self, keys: Sequence[str], call: Call, deployment: Deployment) -> list[float]:
        """Seconds until each key may be used."""
        now = call.pipeline.clock()
        return [max((ask(deployment, key, now) for ask in self.closed_for), default=0.0) for key in keys]


def _position_of_issuer(call: Call, keys: Sequence[str]) -> int | None:
    """The index of the key that the opaque parts of the conversation were issued to, or `None`."""
    for message in reversed(call.request.messages):
        for part in message.parts if type(message.content) is not str else ():
            if isinstance(part, Native) and part.account is not None:
                accounts = [account_of(key) for key in keys]
                return accounts.index(part.account) if part.account in accounts else None
    return None

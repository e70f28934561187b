"""Rotates among several keys, skipping those that are currently limited or rejected."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from ranvier.caller import PLAIN_FAILURES
from ranvier.errors.rejected import CredentialUnusableError
from ranvier.messages.native import Native
from ranvier.pipeline.asking.optional_members import account_digest_of, credential_of
from ranvier.pipeline.credentials import identity
from ranvier.pipeline.credentials.access import SHARED, Access, Shared
from ranvier.pipeline.credentials.resolver import Holder, KeyOrAccess

if TYPE_CHECKING:
    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment

MAX_FURTHER_KEYS = 2
"""Further keys that a call may try at one target if its first one was at fault."""


class UsableKey(NamedTuple):
    """A key to use.

    Attributes:
        key: The key; `None` if the access needs none.
        tenants: True if it is the tenant's own key, not the provider's.
        access: The tenant's own endpoint and headers, if any.
    """

    key: str | None
    tenants: bool
    access: Access | None = None

    @property
    def account(self) -> int:
        """See `identity.account`."""
        return hash(self.access or self.key)

    def __repr__(self) -> str:
        return f"<a key, {'the tenant' if self.tenants else 'the provider'}'s own>"


class KeyRotation:
    """Chooses among the keys of a tenant at a provider, preferring those that the layers would admit now."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        # For tenants with several keys at a provider: the index of the next key, and the keys.
        self._turns: OrderedDict[Holder, tuple[int, tuple[UsableKey, ...]]] = OrderedDict()

    def take_over(self, before: KeyRotation) -> None:
        """Take over the rotation state of all known keys."""
        self._turns = before._turns

    def __len__(self) -> int:
        return len(self._turns)

    def choose(self, answer: tuple[KeyOrAccess, ...], call: Call) -> UsableKey | None:
        """The key to use of those in `answer`, or `None`."""
        usable = usable_keys(answer, call.deployment)
        holder = (call.tenant, call.deployment.provider.name)
        if len(usable) < 2:
            self._remember(holder, 0, usable)
            return usable[0] if usable else None
        turn = self._turns.get(holder, (0, ()))[0] % len(usable)
        in_turn = usable[turn:] + usable[:turn]
        waits = self._waits(in_turn, call)
        chosen = waits.index(min(waits))  # the first that may be used at once, or else the earliest
        following = turn + chosen + 1
        issued = _issued_to(call, in_turn)
        holding = min(issued, key=waits.__getitem__, default=chosen)
        if waits[holding] == waits[chosen]:
            chosen = holding
            following = turn if len(issued) == 1 else turn + chosen + 1
        self._remember(holder, following, usable)
        return in_turn[chosen]

    def renewed(self, answer: tuple[KeyOrAccess, ...], call: Call) -> UsableKey | None:
        """The key to try of those that the resolver returned in place of the ones tried; `None` if none."""
        usable = usable_keys(answer, call.deployment)
        self._remember((call.tenant, call.deployment.provider.name), 0, usable)
        return self._untried(usable, call)

    def another(self, call: Call) -> UsableKey | None:
        """A known key for the target of `call`, other than its own, that may be used at once."""
        turn, keys = self._turns.get((call.tenant, call.deployment.provider.name), (0, ()))
        turn = turn % len(keys) if keys else 0
        return self._untried(keys[turn:] + keys[:turn], call)

    def tried(self, call: Call) -> int:
        """How many keys were at fault in `call` at its target."""
        return sum(at == call.deployment.target for at, _ in call.record.tried_keys)

    def forget(self, tenant: str, provider: str | None) -> None:
        """Drop the keys of a tenant at a provider, or at all of them."""
        for holder in [each for each in self._turns if each[0] == tenant and provider in (None, each[1])]:
            del self._turns[holder]

    def _untried(self, keys: Sequence[UsableKey], call: Call) -> UsableKey | None:
        """The first of `keys` that may be used at once, and that `call` has not tried at its target."""
        if not keys or self.tried(call) > MAX_FURTHER_KEYS:
            return None
        tried = {key for at, key in call.record.tried_keys if at == call.deployment.target}
        tried.add(identity.account(call))
        fresh = [each for each in keys if each.account not in tried]
        if call.pipeline.allow is not None:
            fresh = [each for each in fresh if _is_allowed(call, each)]
        waits = self._waits(fresh, call)
        return fresh[waits.index(0.0)] if 0.0 in waits else None

    def _waits(self, keys: Sequence[UsableKey], call: Call) -> list[float]:
        """Seconds until each key may be used."""
        now, target, layers = call.pipeline.clock(), call.deployment, call.pipeline.layers
        return [max(layer.key_closed_for(target, each.account, now) for layer in layers) for each in keys]

    def _remember(self, holder: Holder, turn: int, keys: Sequence[UsableKey]) -> None:
        if len(keys) < 2:
            self._turns.pop(holder, None)  # drops keys that the resolver no longer returns
            return
        self._turns[holder] = turn, tuple(keys)
        self._turns.move_to_end(holder)
        if len(self._turns) > self._max_entries:
            self._turns.popitem(last=False)


def use(call: Call, chosen: UsableKey | None) -> None:
    """Give `call` this key; `None` is no key."""
    call.credential, call.tenants_key, call.access = (None, False, None) if chosen is None else chosen


def _is_allowed(call: Call, key: UsableKey) -> bool:
    """True if `call` may be sent to its target with `key`."""
    asked = call.to(call.deployment)
    use(asked, key)
    rule = call.pipeline.allow
    return rule is None or rule.refusal(asked) is None


def usable_keys(answer: tuple[KeyOrAccess, ...], deployment: Deployment) -> list[UsableKey]:
    """The keys of `answer`, with the provider's own key (if any) in place of `SHARED`."""
    try:
        own = credential_of(deployment.provider)
    except PLAIN_FAILURES:
        if SHARED in answer:
            raise
        own = None  # the provider's own key cannot be read, but tenants' own keys do without it
    if any(isinstance(each, Access) for each in answer) and not deployment.traits.takes_access:
        raise CredentialUnusableError(f"{deployment.provider.name} takes no base_url or headers of a tenant")
    keys = (_usable(held, own or None) for held in answer)
    return [each for each in keys if each.key or each.access]


def _usable(held: KeyOrAccess, own: str | None) -> UsableKey:
    access = held if isinstance(held, Access) else None
    key = held.key if isinstance(held, Access) else held
    if isinstance(key, Shared):
        return UsableKey(own, False, access)
    return UsableKey(key, access is not None or key != own, access)


def _issued_to(call: Call, keys: Sequence[UsableKey]) -> list[int]:
    """The indices of the keys of the account that the conversation's opaque parts were issued to."""
    for message in reversed(call.request.messages):
        for part in message.parts if type(message.content) is not str else ():
            if isinstance(part, Native) and part.account is not None:
                digest = account_digest_of(call.deployment.provider)
                return [number for number, each in enumerate(keys) if _has_issued(each, part, digest)]
    return []


def _has_issued(key: UsableKey, part: Native, digest: Callable[[str | None], str]) -> bool:
    """True if `part` was issued to the account of `key`, at its endpoint."""
    access = key.access
    if digest(key.key if access is None else access.account(key.key)) != part.account:
        return False
    return access is None or access.is_at(part.endpoint or "")

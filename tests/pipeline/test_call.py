"""A call and the copies that layers derive from it."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from ranvier.pipeline import Call, Deployment, Limits
from ranvier.providers import Stub

DERIVED: dict[str, tuple[Callable[[Any], Call], set[str]]] = {
    "to": (
        lambda call: call.to(call.deployment),
        {"credential", "tenants_key", "access", "attempt", "delay", "reason"},
    ),
    "again": (lambda call: call.again(), {"attempt", "delay", "reason"}),
    "until": (lambda call: call.until(1.0), {"deadline"}),
    "within": (lambda call: call.within(Limits()), {"limits"}),
    "admitted": (lambda call: call.admitted("open"), {"circuit"}),
    "probed_by": (lambda call: call.probed_by(object()), {"probing"}),
    "asking": (lambda call: call.asking(object()), {"request"}),
    "afresh": (lambda call: call.afresh(), {"record"}),
}


class Marked:
    """A value that only `is` itself, and may stand for a record."""

    def __init__(self, metadata: object = None) -> None:
        self.metadata = metadata


def marked_call() -> Any:
    """A call with a value of its own in every field."""
    call: Any = Call(Marked(), "acme", Marked(), Marked())  # type: ignore[arg-type]
    for field in fields(Call):
        setattr(call, field.name, Marked())
    call.deployment, call.attempt, call.deadline, call.probing = Deployment(Stub()), 3, 9.0, (Marked(),)
    return call


@pytest.mark.parametrize("way", DERIVED)
def test_a_derived_call_keeps_every_other_field(way: str) -> None:
    """A field that is added to `Call` is copied by all of them."""
    derive, changed = DERIVED[way]
    call = marked_call()
    derived = derive(call)
    assert derived is not call
    for field in fields(Call):
        same = getattr(derived, field.name) is getattr(call, field.name)
        assert same == (field.name not in changed), field.name

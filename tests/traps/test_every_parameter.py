"""An object that nothing can mean is refused by each parameter of what users build, and named there.

The objects stand for all wrong types: a new parameter without a check fails here.
"""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ranvier import (
    Access,
    ConfigurationError,
    Credentials,
    Deployment,
    Pipeline,
    layers,
    providers,
    resilient,
)
from ranvier.asgi import TenantMiddleware, status_app
from ranvier.telemetry import OpenTelemetry
from ranvier.testing import ScriptedProvider


class Odd:
    """An object of no use."""

    def __repr__(self) -> str:
        return "<odd>"


def answer(call: object) -> str:
    return "hello"


A, B = ScriptedProvider("a"), ScriptedProvider("b")
ARGUMENTS: dict[Any, tuple[tuple[Any, ...], dict[str, Any]]] = {
    layers.Balance: ((A, B), {}),
    layers.Bulkhead: ((5,), {}),
    layers.Chaos: (("overloaded",), {}),
    layers.Fallback: ((A, B), {}),
    layers.SpendLimit: ((5, 60), {}),
    providers.Azure: (("https://x.openai.azure.com",), {"token": lambda: "t"}),
    providers.Bedrock: (("us-east-1",), {}),
    providers.FunctionProvider: (("ours", answer), {}),
    providers.Vertex: (("acme",), {"token": lambda: "t"}),
    Access: (("sk",), {}),
    Deployment: ((A,), {}),
    Pipeline: ((layers.Fallback(A),), {}),
    resilient: ((A, B), {}),
    TenantMiddleware: ((answer,), {}),
    status_app: ((resilient(A),), {}),
}
"""What each is built from, if anything."""

BUILT = (
    *(getattr(layers, name) for name in layers.__all__ if name not in ("CircuitState", "Circuits")),
    *(getattr(providers, name) for name in providers.__all__ if not name.startswith(("from_", "Provider"))),
    *(Access, Credentials, Deployment, OpenTelemetry, Pipeline, TenantMiddleware),
    *(resilient, status_app),
)
TAKEN = {
    (TenantMiddleware, "app"),
    (OpenTelemetry, "tracer_provider"),
    (OpenTelemetry, "meter_provider"),
}
"""Parameters for objects of other libraries, which are not ours to judge."""


VALUES = {"object": Odd(), "complex": 1j, "enormous": 10**400}


def cases() -> Iterator[Any]:
    for built in BUILT:
        for each in inspect.signature(built).parameters.values():
            several = each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
            if several or (built, each.name) in TAKEN:
                continue
            for kind, value in VALUES.items():
                if kind == "enormous" and "int" in str(each.annotation):
                    continue  # a whole number may be as large as it likes
                yield pytest.param(built, each.name, value, id=f"{built.__name__}({each.name})-{kind}")


def build_with(built: Callable[..., Any], name: str, value: object) -> None:
    positional, named = ARGUMENTS.get(built, ((), {}))
    signature = inspect.signature(built)
    if any(each.kind is each.VAR_POSITIONAL for each in signature.parameters.values()):
        built(*positional, **{**named, name: value})
    else:
        built(**{**signature.bind(*positional, **named).arguments, name: value})


@pytest.mark.parametrize(("built", "name", "value"), list(cases()))
def test_a_value_of_no_use_is_refused_and_named(built: Any, name: str, value: object) -> None:
    """By a `ConfigurationError` with the name of the parameter, at once, and not by an error from within."""
    with pytest.raises(ConfigurationError) as raised:
        build_with(built, name, value)
    words = str(raised.value)
    assert name in words or built.__name__ in words or "credentials=" in words
    assert len(words) < 500

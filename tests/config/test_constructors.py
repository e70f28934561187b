"""Whatever a constructor takes can be said in a file: as data, or as the name of an object."""

import json
import typing
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from ranvier import Pipeline, providers, resilient
from ranvier.config import hints
from ranvier.config.file import file_model, layer_classes, provider_classes
from ranvier.config.hints import Object, Parameter, parameters_of
from ranvier.config.schema import schema
from ranvier.config.tables import Table, table_of
from ranvier.config.values import Imported
from ranvier.layers import __all__ as layer_names
from ranvier.pipeline import Layer
from ranvier.presets import recommended_layers


def inner_constructors(place: Any) -> dict[str, Any]:
    """Those of the tables inside a type of a file, by their names: of what arguments are made of."""
    found: dict[str, Any] = {}
    if isinstance(place, type) and issubclass(place, BaseModel):
        if issubclass(place, Table):
            found[place.__name__] = place.constructor
        inner = [field.annotation for field in place.model_fields.values()]
    else:
        inner = list(typing.get_args(place))
    for each in inner:
        found |= inner_constructors(each)
    return found


OUTER: dict[str, Any] = {
    **layer_classes(),
    **provider_classes(),
    "Pipeline": Pipeline,
    "resilient": recommended_layers,
}
INNER = {name: each for name, each in inner_constructors(file_model()).items() if each not in OUTER.values()}
CONSTRUCTORS: dict[str, Any] = {**OUTER, **INNER}

OBJECTS = {
    "AdaptiveLimit.priority",
    "AdaptiveLimit.weight",
    "Balance.sticky",
    "Breaker.key",
    "Bulkhead.key",
    "Bulkhead.priority",
    "Bulkhead.weight",
    "Chaos.when",
    "Credentials.resolver",
    "OpenTelemetry.meter_provider",
    "OpenTelemetry.tracer_provider",
    "Pipeline.allow",
    "function.classify",
    "function.complete",
    "function.stream",
    *(f"{vendor}.token" for vendor in ("azure", "bedrock", "vertex") if vendor in providers.ADAPTERS),
    *(f"{vendor}.{name}" for vendor in providers.ADAPTERS for name in ("http_client", "ssl_context")),
}
"""What is no data: a file names it as `{ import = "package.module:name" }`."""

ELSEWHERE = {"Pipeline.layers", "Pipeline.store", "resilient.layers"}
"""What has a place of its own in a file: its `[[layers]]`. The name of a provider is that of its table."""


def every_parameter() -> dict[str, Parameter]:
    """All parameters of all constructors, but for names of providers, which are those of their tables."""
    return {
        f"{name}.{each.name}": each
        for name, constructor in CONSTRUCTORS.items()
        for each in parameters_of(constructor)
        if not (each.name == "name" and name in provider_classes())
    }


def is_object(name: str) -> bool:
    """Whether a file can only name an object."""
    constructor, _, parameter = name.partition(".")
    table = table_of(CONSTRUCTORS[constructor], without=("layers",))
    annotation = table.model_fields[f"p_{parameter}"].annotation
    return annotation is Imported or set(typing.get_args(annotation)) == {Imported, type(None)}


def test_every_layer_and_provider_can_be_named() -> None:
    """Those of the public packages."""
    import ranvier.layers

    layers = {name for name in layer_names if _is_layer(getattr(ranvier.layers, name))}
    assert layers <= layer_classes().keys()
    assert provider_classes().keys() == {*providers.ADAPTERS, "stub", "function"}


def _is_layer(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, Layer)


def test_what_arguments_are_made_of_is_walked_too() -> None:
    """A new class among them is data like the others, or belongs to the objects."""
    known = {
        *("Balance", "Credentials", "Deployment", "Price", "RetryBudget", "SharedCircuits", "ValkeyStore"),
    }
    assert INNER.keys() == known


def test_every_argument_is_data_or_the_name_of_an_object() -> None:
    """And the list of those that are no data is known: a new one is data, or is added here on purpose."""
    names = every_parameter().keys() - ELSEWHERE
    assert {name for name in names if is_object(name)} == OBJECTS


def test_every_type_that_a_file_needs_is_known_at_run_time() -> None:
    """A type that only type checkers know would be taken for that of an object."""
    unknown = {name for name, each in every_parameter().items() if _mentions(each.hint, Object)}
    assert unknown - ELSEWHERE <= OBJECTS | {"Pipeline.credentials", "Pipeline.listeners"}


def _mentions(hint: Any, kind: Any) -> bool:
    return hint is kind or any(_mentions(each, kind) for each in typing.get_args(hint))


def test_every_argument_is_described() -> None:
    """By the docstring of its constructor, for editors."""
    assert {name for name, each in every_parameter().items() if not each.meaning} == set()


def test_the_recommended_stack_takes_what_the_function_takes() -> None:
    """But for what belongs to the pipeline."""
    of_pipeline = {each.name for each in parameters_of(Pipeline)}
    own = {each.name for each in parameters_of(resilient)} - (of_pipeline - {"layers"})
    assert {each.name for each in parameters_of(recommended_layers)} == own


def test_a_type_that_only_checkers_know_stands_for_an_object() -> None:
    """However its annotation is written."""
    names = hints._Names(Pipeline)
    assert names.evaluated("ssl.SSLContext") is Object
    assert names.evaluated("Unknown[int]") is Object
    assert typing.get_args(names.evaluated("Unknown | None"))[0] is Object
    with pytest.raises(AttributeError):
        _ = Object.__no_such_dunder__  # type: ignore[attr-defined]


# --- the schema ----------------------------------------------------------------------------------

DOCUMENT = Path(__file__).parents[2] / "docs" / "config.schema.json"


def test_the_published_schema_is_that_of_the_models() -> None:
    """After a change: `ranvier check --schema > docs/config.schema.json`."""
    assert json.loads(DOCUMENT.read_text()) == schema()


def test_the_schema_accepts_what_the_models_accept() -> None:
    """And rejects an unknown key."""
    validator = jsonschema.Draft202012Validator(schema())
    good: dict[str, Any] = {
        "providers": {"eu": {"type": "openai", "api_key": {"env": "EU"}, "base_url": "https://a.b/v1"}},
        "layers": [
            {"type": "Deadline", "seconds": "off"},
            {"type": "Fallback", "targets": ["eu/x", {"targets": ["a", "b"]}, {"provider": "eu"}]},
            {"type": "Retry", "overrides": {"eu": {"max_retries": 1}}},
            {"import": "a.b:c"},
        ],
    }
    file_model().model_validate(good)
    validator.validate(good)
    good["layers"][2]["max_retris"] = 1
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(good)

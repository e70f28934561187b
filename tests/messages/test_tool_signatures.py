"""Tools from functions and types: their names, descriptions and parameters."""

# mypy: disable-error-code="name-defined, valid-type"
# because some annotations cannot be read on purpose

import dataclasses
import datetime
import enum
import functools
import inspect
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from ranvier import ConfigurationError, Pipeline, Tool
from ranvier.layers import Fallback
from ranvier.messages.declared_tool import described
from ranvier.testing import ScriptedProvider


class Place(BaseModel):
    """Somewhere.

    Args:
        city: Its name.
    """

    city: str
    height: float = float("inf")


class Unit(enum.Enum):
    CELSIUS = "c"
    KELVIN = "k"


def forecast(  # noqa: D417  # because not every parameter is described
    city: str,
    unit: Literal["c", "k"] = "c",
    other: Unit = Unit.KELVIN,
    day: datetime.date | None = None,
    near: Optional[Place] = None,  # noqa: UP045  # because people write it
    *,
    days: Annotated[int, Field(ge=1, description="How many")] = 3,
    words: Annotated[str, "In which words"] = "",
) -> "Nowhere":  # noqa: F821  # because the result is nothing that a model fills in
    """Tell the weather
    of the days to come.

    Not for the past.

    Args:
        city: Where,
            as the map has it: no abbreviations.
        unit (str): In which unit.
        day (datetime.date, optional): From when on.
        days: Not this, since the annotation says it.
        unknown: Of no parameter.

    Returns:
        near: This is no parameter.
    """  # noqa: D205  # because people write docstrings as they like


def properties(declared: Any) -> dict[str, Any]:
    """The parameters of a tool, by name."""
    return dict(Tool.of(declared).parameters["properties"])


# --- functions -----------------------------------------------------------------------------------


def test_a_tool_has_the_name_the_first_paragraph_and_the_parameters_of_its_function() -> None:
    """A model is told what the signature and the docstring say, and what is left out if nothing is given."""
    tool = Tool.of(forecast)
    assert (tool.name, tool.description) == ("forecast", "Tell the weather of the days to come.")
    assert tool.parameters["required"] == ["city"]
    assert tool.parameters["additionalProperties"] is False
    assert properties(forecast) == {
        "city": {"type": "string", "description": "Where, as the map has it: no abbreviations."},
        "unit": {
            "type": "string",
            "enum": ["c", "k"],
            "default": "c",
            "description": "In which unit.",
        },
        "other": {"$ref": "#/$defs/Unit", "default": "k"},
        "day": {
            "anyOf": [{"format": "date", "type": "string"}, {"type": "null"}],
            "description": "From when on.",
        },
        "near": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
        "days": {"type": "integer", "minimum": 1, "default": 3, "description": "How many"},
        "words": {"type": "string", "default": "", "description": "In which words"},
    }


def test_a_name_and_a_description_that_are_given_come_first() -> None:
    """And the same function is the same tool each time, unless it is named otherwise."""
    tool = Tool.of(forecast, name="weather", description="Ask the sky.")
    assert (tool.name, tool.description) == ("weather", "Ask the sky.")
    assert tool.parameters == Tool.of(forecast).parameters
    assert Tool.of(forecast) is Tool.of(forecast)
    assert Tool.of(forecast, description="").description == ""
    with pytest.raises(ConfigurationError, match=r"Tool\(name=''\): give the tool a name"):
        Tool.of(forecast, name="")


class Service:
    def look(self, at: int) -> None:
        """Look."""

    @classmethod
    def make(cls, at: int) -> None:
        """Make."""

    @staticmethod
    async def find(at: "int") -> None:
        """Find."""

    def __call__(self, at: int) -> None:
        """Call."""


@functools.wraps(forecast)
def wrapped(*args: Any, **named: Any) -> None: ...


def signed(function: Callable[..., Any]) -> Callable[..., Any]:
    def inner(*args: Any, **named: Any) -> None: ...

    inner.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    inner.__annotations__ = function.__annotations__
    return inner


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        (Service().look, "look"),
        (Service.make, "make"),
        (Service.find, "find"),
        (Service().__call__, "call"),
        (signed(Service.find), "inner"),
    ],
)
def test_methods_and_async_functions_are_functions(declared: Any, name: str) -> None:
    """Without the object that they belong to, and annotated in words or not."""
    tool = Tool.of(declared)
    assert tool.name == name
    assert tool.parameters == {
        "type": "object",
        "properties": {"at": {"type": "integer"}},
        "required": ["at"],
        "additionalProperties": False,
    }


def test_a_decorated_function_has_the_signature_of_what_it_wraps() -> None:
    """`functools.wraps` tells it."""
    assert Tool.of(wrapped).parameters == Tool.of(forecast).parameters
    assert Tool.of(wrapped).name == "forecast"


def test_an_annotation_in_words_is_read_where_the_function_was_written() -> None:
    """And not where its decorator was."""
    elsewhere: dict[str, Any] = {"functools": functools}
    exec("def passed_on(f):\n    return functools.wraps(f)(lambda **named: f(**named))", elsewhere)

    def visit(place: "Place") -> None: ...

    assert properties(elsewhere["passed_on"](visit)) == {"place": {"$ref": "#/$defs/Place"}}


def test_a_function_without_parameters_is_a_tool_without_arguments() -> None:
    """A lambda too, whose name the wires would not take as it is."""
    tool = Tool.of(lambda: 1)
    assert tool.name == "lambda"
    assert tool.parameters == {"type": "object", "properties": {}, "additionalProperties": False}


def test_a_default_that_no_json_can_tell_is_not_told() -> None:
    """A wire takes neither infinity nor an object; the function has its default all the same."""

    def odd(
        a: float = float("inf"),
        b: Any = Ellipsis,
        c: Any = b"\xff",
        d: list[float] = [float("nan")],  # noqa: B006
    ) -> None: ...

    assert [field.get("default") for field in properties(odd).values()] == [None] * 4
    assert "required" not in Tool.of(odd).parameters
    json.dumps([Tool.of(odd).parameters, Tool.of(Place).parameters], allow_nan=False)


def test_names_that_mean_something_to_pydantic_are_names_like_any_other() -> None:
    """They are the function's own."""

    def odd(_a: int, schema: str, model_config: int = 1, self: int = 2) -> None: ...

    assert list(properties(odd)) == ["_a", "schema", "model_config", "self"]
    assert Tool.of(odd).parameters["required"] == ["_a", "schema"]


# --- what the type checker alone knows -----------------------------------------------------------

LAZY = sys.version_info >= (3, 14)
"""Annotations that are not in quotes are evaluated when somebody asks for them."""


def unquoted(*annotations: str) -> list[Any]:
    """These, where nobody evaluates them at once."""
    early = pytest.mark.skipif(not LAZY, reason="annotations are evaluated at once")
    return [pytest.param(annotation, marks=early) for annotation in annotations]


def written(code: str, name: str) -> Any:
    """What has that name in a module where `Nowhere` and `missing` are for the type checker only."""
    module: dict[str, Any] = {"Annotated": Annotated, "BaseModel": BaseModel, "Place": Place}
    module.update(dataclass=dataclasses.dataclass, TypedDict=TypedDict)
    exec(code, module)
    return module[name]


@pytest.mark.parametrize(
    "result",
    [
        *("'Nowhere'", "'list[Nowhere | None]'", "'missing.Nowhere'"),
        *unquoted("Nowhere", "list[Nowhere | None]", "missing.Nowhere", "Place.nothing"),
    ],
)
def test_a_result_that_is_not_there_at_run_time_is_nothing_to_a_tool(result: str) -> None:
    """The parameters beside it keep their types, whether these are in quotes or not."""
    head = "def visit(city: str, near: Place | None = None, *, days: 'int' = 3)"
    visit = written(f"{head} -> {result}: ...", "visit")
    assert properties(visit) == {
        "city": {"type": "string"},
        "near": {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "null"}]},
        "days": {"type": "integer", "default": 3},
    }
    assert Tool.of(visit).parameters["required"] == ["city"]


@pytest.mark.parametrize(
    "kind",
    [
        *("'Nowhere'", "'list[Nowhere]'", "'Place.nothing'", "'1 / 0'"),
        *unquoted("Nowhere", "list[Nowhere]", "Nowhere | None", "Annotated[Nowhere, 1]"),
        *unquoted("missing.Nowhere", "Place.nothing", "1 / 0"),
    ],
)
def test_a_parameter_that_is_not_there_at_run_time_is_refused(kind: str) -> None:
    """A model could not be told what to give."""
    with pytest.raises(ConfigurationError, match=r"visit\(\): an annotation cannot be read"):
        Tool.of(written(f"def visit(city: str, near: {kind}) -> 'Nowhere': ...", "visit"))


@pytest.mark.parametrize("kind", ["'Nowhere'", *unquoted("Nowhere", "list[Nowhere]")])
@pytest.mark.parametrize(
    "head", ["class Trip(BaseModel):", "@dataclass\nclass Trip:", "class Trip(TypedDict):"]
)
def test_a_field_that_is_not_there_at_run_time_is_refused(head: str, kind: str) -> None:
    """Of a model, a dataclass and a TypedDict."""
    with pytest.raises(ConfigurationError, match="Trip: it cannot be read from JSON"):
        Tool.of(written(f"{head}\n    near: {kind}", "Trip"))


# --- what is refused -----------------------------------------------------------------------------


def positional(a: int, /) -> None: ...
def any_number(*a: int) -> None: ...
def any_name(**a: int) -> None: ...
def untyped(a) -> None: ...  # type: ignore[no-untyped-def]
def misplaced(a: int = Field(3, description="How many")) -> None: ...
def unknown(a: "Nowhere") -> None: ...  # noqa: F821
def unreadable(a: "int |") -> None: ...  # noqa: F722
def callback(a: Callable[[int], int]) -> None: ...
def pattern(a: Annotated[str, Field(pattern="(")]) -> None: ...


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        (positional, r"positional\(a: int\): a model fills in parameters by name"),
        (any_number, r"any_number\(\*a: int\): a model fills in"),
        (any_name, r"any_name\(\*\*a: int\): a model fills in"),
        (untyped, r"untyped\(a\): annotate it"),
        (Service.look, r"look\(self\): annotate it"),
        (misplaced, r"misplaced\(a=Field\(...\)\): write it as Annotated"),
        (unknown, r"unknown\(\): an annotation cannot be read: name 'Nowhere'"),
        (unreadable, r"unreadable\(\): an annotation cannot be read"),
        (callback, r"callback: it cannot be read from JSON"),
        (pattern, r"pattern: it cannot be read from JSON.*regex"),
        (min, r"min\(\): it has no signature to read: write a Tool"),
        (print, r"print\(\*args\): a model fills in"),
        (int, r"int is not a JSON object"),
    ],
)
def test_a_signature_that_no_model_could_fill_in_is_refused_with_the_remedy(declared: Any, says: str) -> None:
    """When the tool is made, and not when it is called."""
    with pytest.raises(ConfigurationError, match=says):
        Tool.of(declared)


@pytest.mark.parametrize(
    "declared", ["look", 5, None, Service(), Place(city="Oslo"), functools.partial(forecast)]
)
def test_what_is_neither_a_function_nor_a_type_is_refused(declared: Any) -> None:
    """An object is neither, whether it can be hashed or not."""
    with pytest.raises(
        ConfigurationError, match=r"Tool.of\(\) was given a \w+: give a function, a pydantic model"
    ):
        Tool.of(declared)


# --- types ---------------------------------------------------------------------------------------


@dataclasses.dataclass
class Point:
    x: int
    y: int = 0


def test_a_type_is_a_tool_whose_parameters_are_its_fields() -> None:
    """Its docstring describes it and them; what has a default may be left out."""
    tool = Tool.of(Place)
    assert (tool.name, tool.description) == ("Place", "Somewhere.")
    assert tool.parameters == {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "Its name."}, "height": {"type": "number"}},
        "required": ["city"],
    }
    point = Tool.of(Point, description="Where to go.")
    assert (point.name, point.description) == ("Point", "Where to go.")
    assert point.parameters["properties"]["y"] == {"type": "integer", "default": 0}
    assert "title" not in point.parameters


# --- docstrings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("docstring", "summary", "parameters"),
    [
        ("", "", {}),
        ("One line.", "One line.", {}),
        ("Two\nlines.\n\nMore.", "Two lines.", {}),
        ("Args:\n    a: The first.", "", {"a": "The first."}),
        ("Do.\n\nArguments:\n    a:\n        On the next line.", "Do.", {"a": "On the next line."}),
        (
            "Do.\n\nParameters:\n  a: One.\n\n  b (int): Two.\nNo more: of it.",
            "Do.",
            {"a": "One.", "b": "Two."},
        ),
        ("Do.\n\nArgs:\n    Not an entry\n    a: One.", "Do.", {"a": "One."}),
        (
            "Do.\n\nArgs:\n    a: As in\n        b: this is still a.",
            "Do.",
            {"a": "As in b: this is still a."},
        ),
        ("Do.\n\nArgs:\n    *args: Many.\n    **named: Named.", "Do.", {"args": "Many.", "named": "Named."}),
    ],
)
def test_a_docstring_in_googles_style_tells_what_each_parameter_is(
    docstring: str, summary: str, parameters: dict[str, str]
) -> None:
    """The first paragraph is the tool's; the section ends where its indentation does."""
    assert described(docstring) == (summary, parameters)


# --- on their way --------------------------------------------------------------------------------


@pytest.mark.virtual_time
async def test_functions_and_types_may_be_given_as_they_are() -> None:
    """`tools=[function]` is what `Tool.of(function)` makes of it."""
    provider = ScriptedProvider("one")
    await Pipeline(Fallback(provider)).complete("Why?", tools=[forecast, Place, Service().look])
    assert [tool.name for tool in provider.calls[0].request.tools] == ["forecast", "Place", "look"]
    assert provider.calls[0].request.tools[0] == Tool.of(forecast)

"""What a model gave a tool: checked, and in the types that were declared."""

import copy
import dataclasses
import datetime
import pickle
from contextlib import suppress
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from ranvier import ConfigurationError, InvalidResponseError, Message, Tool, ToolCall


class Place(BaseModel):
    city: str
    country: str = "NO"


@dataclasses.dataclass
class Point:
    x: int


def forecast(
    place: Place, day: datetime.date | None = None, unit: Literal["c", "k"] = "c", days: int = 1
) -> str:
    """Tell the weather."""
    return f"{place.city} {day} {unit} {days}"


async def later(seconds: float) -> str:
    """Wait."""
    return f"after {seconds} s"


class Diary:
    def __init__(self, owner: str) -> None:
        self.owner = owner

    def write(self, words: str) -> str:
        """Write it down."""
        return f"{self.owner}: {words}"


WRITTEN = Tool("add", "Add.", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]})


def given_to(tool: Tool, arguments: Any) -> Any:
    """What a tool makes of the arguments of a call: a dict, or the text that came."""
    if isinstance(arguments, str):
        return tool.arguments(ToolCall.parse("c1", tool.name, arguments))
    return tool.arguments(ToolCall("c1", tool.name, arguments))


# --- what fits -----------------------------------------------------------------------------------


def test_a_function_is_called_with_what_came_back_in_the_types_that_it_declares() -> None:
    """What was left out is left to the defaults of the function."""
    arguments = given_to(Tool.of(forecast), {"place": {"city": "Oslo"}, "day": "2026-01-02", "days": "3"})
    assert arguments == {"place": Place(city="Oslo"), "day": datetime.date(2026, 1, 2), "days": 3}
    assert forecast(**arguments) == "Oslo 2026-01-02 c 3"


async def test_an_async_function_and_a_method_are_called_like_that_too() -> None:
    """Whoever calls them awaits them, and brings no object."""
    assert await later(**given_to(Tool.of(later), {"seconds": 2})) == "after 2.0 s"
    diary = Diary("Ada")
    assert diary.write(**given_to(Tool.of(diary.write), {"words": "Hm."})) == "Ada: Hm."


def test_a_type_is_given_back_as_an_instance_of_it() -> None:
    """With its defaults; a tool that was written out gives a dict."""
    assert given_to(Tool.of(Place), {"city": "Oslo"}) == Place(city="Oslo", country="NO")
    assert given_to(Tool.of(Point), {"x": 1}) == Point(1)
    assert given_to(WRITTEN, {"a": 1, "b": 2}) == {"a": 1, "b": 2}
    assert given_to(Tool("now"), "") == {}


def test_no_arguments_at_all_are_none() -> None:
    """Some models say nothing for a tool without parameters."""

    def now() -> None: ...

    assert given_to(Tool.of(now), "") == {}


def test_a_tool_that_travelled_to_another_process_still_knows_its_types() -> None:
    """What was declared goes with it."""
    tool = pickle.loads(pickle.dumps(Tool.of(forecast)))
    assert tool == copy.copy(Tool.of(forecast))
    assert given_to(tool, {"place": {"city": "Oslo"}}) == {"place": Place(city="Oslo")}


# --- what does not -------------------------------------------------------------------------------

BOTTOMLESS: dict[str, Any] = {}
for _ in range(5000):
    BOTTOMLESS = {"a": BOTTOMLESS}

MISFITS = [
    (Tool.of(forecast), {}, "at $.place: Field required"),
    (
        Tool.of(forecast),
        {"place": {"city": "Oslo", "country": ["SECRET"]}},
        "at $.place.country: Input should",
    ),
    (
        Tool.of(forecast),
        {"place": {"city": "Oslo"}, "unit": "SECRET"},
        "at $.unit: Input should be 'c' or 'k'",
    ),
    (Tool.of(forecast), {"place": {"city": "Oslo"}, "SECRET": 1}, "at $.*: Extra inputs are not permitted"),
    (Tool.of(forecast), '{"place": {"city": "SECRET', "at $: not JSON (Unterminated string"),
    (Tool.of(forecast), '["SECRET"]', "at $: Input should be an object"),
    (Tool.of(forecast), {"place": float("nan")}, "at $: unreadable JSON"),
    (Tool.of(forecast), {"place": object()}, "at $: not JSON"),
    (Tool.of(forecast), BOTTOMLESS, "at $: "),  # told by json, or by pydantic where json goes deeper
    (Tool.of(Point), {"x": "SECRET"}, "at $.x: Input should be a valid integer"),
    (WRITTEN, {"a": "SECRET"}, 'at $.a: "type": "integer"'),
    (WRITTEN, {}, "at $.a: required"),
    (WRITTEN, "SECRET", "at $: not JSON"),
]


@pytest.mark.parametrize(("tool", "arguments", "told"), MISFITS, ids=range(len(MISFITS)))
def test_arguments_that_do_not_fit_say_where_and_quote_nothing(tool: Tool, arguments: Any, told: str) -> None:
    """The error may go into a log, and back to the model; it blames no provider and is not to be retried."""
    with pytest.raises(InvalidResponseError) as caught:
        given_to(tool, arguments)
    error = caught.value
    assert str(error).startswith(f"the arguments of {tool.name} do not match its parameters: {told}")
    assert "SECRET" not in str(error)
    assert (error.retryable, error.counts_against_provider, error.fails_over) == (False, False, False)
    assert Message.tool("c1", str(error), is_error=True).parts[0].is_error  # type: ignore[union-attr]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """So that the model can mend it in one turn."""
    with pytest.raises(InvalidResponseError, match=r"at \$.unit: .*; at \$.days: "):
        given_to(Tool.of(forecast), {"place": {"city": "Oslo"}, "unit": 1, "days": "many"})


def test_the_call_of_another_tool_is_a_mistake_of_the_program() -> None:
    """No model is to blame for it."""
    with pytest.raises(ConfigurationError, match="tool 'forecast' was given a call of tool 'add'"):
        Tool.of(forecast).arguments(ToolCall("c1", "add", {"a": 1}))


@settings(deadline=None)  # a machine that is busy proves nothing
@given(st.text())
def test_no_text_that_a_model_wrote_raises_anything_else(text: str) -> None:
    """Either it fits, or it is an invalid response."""
    for tool in (Tool.of(forecast), WRITTEN):
        with suppress(InvalidResponseError):
            assert given_to(tool, text)

"""A form for answers: what may be one, what JSON an answer holds, and how a mismatch is told."""

import builtins
import dataclasses
import pickle
import subprocess
import sys
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict  # because pydantic takes no other before Python 3.12

from ranvier import ConfigurationError, Schema
from ranvier.messages.schema.lenient import objects_in
from ranvier.messages.schema.mismatch import MAX_PATH, Mismatch, json_path, name_for, names_in
from ranvier.messages.schema.schema import json_in

WRITTEN = {
    "type": "object",
    "title": "A city!",
    "properties": {"city": {"type": "string"}, "size": {"type": "number"}},
    "required": ["city"],
    "additionalProperties": False,
}


class City(BaseModel):
    city: str
    size: float = 0


@dataclasses.dataclass
class CityRecord:
    city: str
    size: float = 0


class CityDict(TypedDict, total=False):
    city: str
    size: float


FORMS = [
    pytest.param(WRITTEN, {"city": "Oslo", "size": 1.5}, "A_city", id="dict"),
    pytest.param(MappingProxyType(WRITTEN), {"city": "Oslo", "size": 1.5}, "A_city", id="mapping"),
    pytest.param(City, City(city="Oslo", size=1.5), "City", id="model"),
    pytest.param(CityRecord, CityRecord("Oslo", 1.5), "CityRecord", id="dataclass"),
    pytest.param(CityDict, {"city": "Oslo", "size": 1.5}, "CityDict", id="typed-dict"),
]


# --- what may be a form --------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "parsed", "name"), FORMS)
def test_each_kind_of_form_reads_the_answer_that_fits_it(form: Any, parsed: Any, name: str) -> None:
    """A dict gives plain data, a type an instance of it; each has a name that every wire takes."""
    schema = Schema.of(form)
    assert schema.name == name
    assert schema.definition["type"] == "object"
    assert schema.fit('{"city": "Oslo", "size": 1.5}') == (parsed, ())


@pytest.mark.parametrize(("form", "parsed", "name"), FORMS)
def test_a_form_travels_between_processes_and_is_the_same_twice(form: Any, parsed: Any, name: str) -> None:
    """Equal forms are equal schemas, and a schema of a schema is itself."""
    schema = Schema.of(form)
    assert Schema.of(form) == schema == pickle.loads(pickle.dumps(schema))
    assert Schema.of(schema) == schema
    assert Schema.of(form, name="other").name == "other"


def test_a_schema_that_was_made_by_hand_is_checked_and_keeps_what_it_says() -> None:
    """Its name and its repairs stay, and a new name may be given."""
    by_hand = Schema(WRITTEN, "place", repairs=1)
    assert Schema.of(by_hand) == by_hand
    assert Schema.of(by_hand, name="spot") == Schema(WRITTEN, "spot", repairs=1)
    with pytest.raises(ConfigurationError, match=r"type is 'array'"):
        Schema.of(Schema({"type": "array"}))


@pytest.mark.parametrize("form", [None, 5, "City", City(city="Oslo"), [City], print])
def test_what_is_no_form_is_refused_with_what_may_be_one(form: Any) -> None:
    """The message names what was given, and the kinds there are."""
    with pytest.raises(
        ConfigurationError, match=r"schema is a \w+: give .*a JSON schema as a dict, a pydantic.*list\[int\]"
    ):
        Schema.of(form)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Städte/heute", "St_dte_heute"),
        ("日本", "answer"),
        ("", "answer"),
        ("x" * 80, "x" * 64),
        ("_a_", "a"),
    ],
)
def test_a_name_is_made_of_the_title_in_the_characters_that_all_wires_take(title: str, name: str) -> None:
    """And where nothing of it is left, it is a plain answer."""
    assert Schema.of({"type": "object", "title": title}).name == name


@settings(deadline=None)  # a machine that is busy proves nothing
@given(st.text())
def test_no_name_is_longer_or_stranger_than_the_wires_allow(title: str) -> None:
    """Letters, digits, `_` and `-`, 64 at most."""
    name = name_for(title)
    assert len(name) <= 64
    assert all(letter.isascii() and (letter.isalnum() or letter in "_-") for letter in name)


# --- the JSON of an answer -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        '{"city": "Oslo"}',
        '\n  {"city": "Oslo"}\n',
        '\ufeff{"city": "Oslo"}',
        '```json\n{"city": "Oslo"}\n```',
        '```\n{"city": "Oslo"}\n```',
        '```{"city": "Oslo"}```',
        '``` JSON\n{"city": "Oslo"}\n```',
        '````json\n{"city": "Oslo"}\n````',
        'Here it is:\n\n```json\n{"city": "Oslo"}\n```\nAnything else?',
    ],
)
@pytest.mark.parametrize("form", [WRITTEN, City])
def test_json_is_read_plain_or_out_of_the_one_fenced_block(form: Any, text: str) -> None:
    """Models fence their JSON and talk around it, whatever they are told."""
    parsed, mismatches = Schema.of(form).fit(text)
    assert mismatches == ()
    assert dict(parsed)["city"] == "Oslo"


WRAPPED = [
    '<think>\nmaybe {"city": "Bergen"}\n</think>\n\n{"city": "Oslo"}',
    '<thinking>a</thinking> <think>b ```json``` c</think>```json\n{"city": "Oslo"}\n```',
    'The prompt opened it: {"city": "Bergen"}?\n</think>\n{"city": "Oslo"}',
    '<think>hm</think>Here is the JSON: {"city": "Oslo"}',
    '```json\n{"city": "Oslo"}',
    '{"city": "Oslo"}\n```',
    'Here is the JSON you asked for:\n{"city": "Oslo"}',
    '{"city": "Oslo"}\n\nLet me know if you need [1] more {cities}.',
    '{"city": "Oslo"}\n{"city": "Oslo"}',
    'First {"town": 1}, which does not fit; so {"city": "Oslo"}.',
]


@pytest.mark.parametrize("text", WRAPPED, ids=range(len(WRAPPED)))
@pytest.mark.parametrize("form", [WRITTEN, City])
def test_the_one_object_that_fits_is_found_between_thoughts_and_words(form: Any, text: str) -> None:
    """Models that think aloud, introduce their JSON, or say it twice have still answered."""
    parsed, mismatches = Schema.of(form).fit(text)
    assert mismatches == ()
    assert dict(parsed)["city"] == "Oslo"


@pytest.mark.parametrize("text", ['{"city": "</think>"}', '<think>x</think>{"city": "</think>"}'])
def test_a_tag_inside_the_json_is_a_word_of_it(text: str) -> None:
    """Thoughts stand before the answer, and nowhere else."""
    assert Schema.of(City).fit(text)[0].city == "</think>"


@pytest.mark.parametrize("text", ["{x}" * 100_000, "[" * 50_000, '{"a":' * 50_000, "<think>" * 50_000])
def test_a_long_text_without_an_answer_is_given_up_soon(text: str) -> None:
    """Whatever it begins again and again."""
    assert objects_in("so: " + text) == []


def test_fences_inside_the_json_are_words_of_it() -> None:
    """In a bare object as in a fenced one."""
    assert json_in('{"city": "```x```"}') == '{"city": "```x```"}'
    assert json_in('```json\n{"city": "```x```"}\n```') == '{"city": "```x```"}'


NO_JSON = [
    "",
    "Oslo",
    "```",
    "``````",
    "```json```",
    "```json\n{",
    '{"city": "Oslo"',
    '{"city": "Oslo"} and {"city": "Bergen"}',
    '{"city": "Oslo"} and more: {"city": "Berg',
    'Not {"city": "Oslo", but',
    '<think>{"city": "Oslo"}</think>',
    '<think>perhaps {"city": "Oslo"}',
    'Either [{"city": "Oslo"}], or nothing.',
    '```\n{"city": "Oslo"}\n```\nor\n```\n{"city": "Bergen"}\n```',
    "{'city': 'Oslo'}",
    '{"city": "Oslo", "size": NaN}',
    '{"city": "Oslo", "size": -Infinity}',
    '{"city": "Oslo", "size": 1e999}',
    '{"city": "Oslo", "size": ' + "9" * 5000 + "}",
    "[" * 100_000,
    '{"city":' * 100_000,
    '{"city": "\udc00"',
]


@pytest.mark.parametrize("text", NO_JSON, ids=range(len(NO_JSON)))
@pytest.mark.parametrize("form", [WRITTEN, City])
def test_what_is_no_json_is_one_misfit_at_the_root_that_quotes_nothing(form: Any, text: str) -> None:
    """Two blocks, half an object, NaN, numbers and towers that nobody can read: said, and never raised."""
    parsed, mismatches = Schema.of(form).fit(text)
    (mismatch,) = mismatches
    assert parsed is None
    assert mismatch.path == "$"
    assert mismatch.rule.startswith(("not JSON (", "unreadable JSON", "2 different JSON objects"))
    assert mismatch.rule == mismatch.words
    assert "Oslo" not in str(mismatch)
    assert str(mismatch) == f"at $: {mismatch.rule}"


@settings(deadline=None)  # a machine that is busy proves nothing
@given(st.text())
def test_no_answer_makes_reading_it_raise(text: str) -> None:
    """Either it fits, or it says where it does not."""
    for form in (WRITTEN, City):
        parsed, mismatches = Schema.of(form).fit(text)
        assert (parsed is None) == bool(mismatches)


# --- places --------------------------------------------------------------------------------------


def test_a_place_names_what_the_schema_names_and_nothing_else() -> None:
    """A key of the answer's own is content, and shown as a star."""
    names = names_in({"type": "object", "properties": {"items": {}, "A-b": {}}, "anyOf": [{"properties": 5}]})
    assert names == {"items", "A-b"}
    assert json_path([], names) == "$"
    assert json_path(["items", 0, "A-b", "patient 7", 12], names) == "$.items[0]['A-b'].*[12]"


def test_a_long_place_loses_its_middle() -> None:
    """Both ends tell more of it."""
    shown = json_path(["first", *["step"] * 500, "last"], {"first", "step", "last"})
    assert len(shown) == MAX_PATH + 3
    assert shown.startswith("$.first.step")
    assert shown.endswith(".step.last")


def test_a_misfit_says_its_place_and_rule_and_keeps_its_words_to_itself() -> None:
    """What is printed is fit for logs."""
    assert str(Mismatch("$.a", "required", "'Oslo' is required")) == "at $.a: required"


# --- what is imported, and when ------------------------------------------------------------------


def test_without_jsonschema_a_written_schema_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra: declared answers need none of it."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "jsonschema":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *rest, **named)

    monkeypatch.delitem(sys.modules, "ranvier.messages.schema.written", raising=False)
    monkeypatch.delattr("ranvier.messages.schema.written", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        ConfigurationError, match=r"jsonschema, which is not installed: pip install 'ranvier\["
    ):
        Schema.of(WRITTEN)
    assert Schema.of(City).fit('{"city": "Oslo"}') == (City(city="Oslo"), ())


def test_neither_pydantic_nor_jsonschema_is_imported_before_a_form_is_asked_for() -> None:
    """An application that asks for none pays for none."""
    code = (
        "import sys, ranvier; assert not {'pydantic', 'jsonschema'} & set(sys.modules)\n"
        "ranvier.Schema.of({'type': 'object'}); assert 'pydantic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Conversations and responses are saved as text, and loaded as they were."""

import json
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from hypothesis import given
from pydantic import BaseModel

import ranvier
from ranvier import ConfigurationError, InvalidDumpError, messages
from ranvier.messages import (
    Audio,
    Document,
    Image,
    Message,
    Native,
    Part,
    Response,
    Text,
    ToolCall,
    ToolResult,
    WirePart,
)
from ranvier.messages.message import ROLES
from ranvier.messages.saved import answers, envelope, kinds, parts, published
from support.fuzz.fuzzing import tried
from support.messages.saving import (
    EVERY_FIELD,
    EVERY_PART,
    HISTORIES,
    PDF,
    PNG,
    WAV,
    histories,
    responses,
    whole,
)

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data" / "saved"
SCHEMA = json.loads(published.text())
CHECK = jsonschema.Draft202012Validator(SCHEMA)


# --- there and back ------------------------------------------------------------------------------


@tried(200)
@given(histories)
def test_any_conversation_is_loaded_as_it_was(history: list[Message]) -> None:
    """Every part with every field, whatever is in it; and the text fits the published schema."""
    text = messages.dump(history)
    text.encode()
    assert whole(messages.load(text)) == whole(history)
    assert messages.load(text.encode()) == history
    CHECK.validate(json.loads(text))


@tried(100)
@given(responses)
def test_any_response_is_loaded_as_it_was(response: Response[Any]) -> None:
    """All its fields; and the text fits the published schema."""
    text = messages.dump_response(response)
    assert whole(messages.load_response(text)) == whole(response)
    CHECK.validate(json.loads(text))


class Weather(BaseModel):
    city: str
    celsius: float


def test_the_parsed_answer_is_read_again() -> None:
    """With the schema of the call: the text of the answer holds it."""
    parsed = Weather(city="Bern", celsius=21.5)
    text = messages.dump_response(Response(parsed.model_dump_json(), parsed=parsed))
    assert messages.load_response(text).parsed is None
    assert messages.load_response(text, schema=Weather).parsed == parsed
    with pytest.raises(InvalidDumpError, match="does not match schema"):
        messages.load_response(text, schema=list[int])
    calling = messages.dump_response(Response("", (ToolCall("1", "look"),)))
    assert messages.load_response(calling, schema=Weather).parsed is None


def test_media_are_kept_elsewhere() -> None:
    """By a reference that the application chooses: the text holds nothing else of them."""
    kept: dict[str, bytes] = {}

    def store(data: bytes) -> str:
        kept[f"blob:{len(kept)}"] = data
        return f"blob:{len(kept) - 1}"

    shown: list[Any] = ["Look:", Image(data=PNG), Image("https://example.com/a.png"), Document(data=PDF)]
    history = [Message("user", [*shown, Audio(data=WAV)])]
    text = messages.dump(history, store=store)
    assert kept == {"blob:0": PNG, "blob:1": PDF, "blob:2": WAV}
    assert all(Image.from_bytes(each, "x").base64 not in text for each in kept.values())
    CHECK.validate(json.loads(text))
    assert messages.load(text, fetch=kept.__getitem__) == history
    with pytest.raises(InvalidDumpError, match=r"history\[0\].content\[1\].data .*give fetch="):
        messages.load(text)


def test_what_store_and_fetch_do_wrong_is_said() -> None:
    """They are the application's: errors of theirs are raised as they are."""
    history = [Message("user", [Image(data=PNG)])]
    with pytest.raises(ConfigurationError, match="returned a null"):
        messages.dump(history, store=lambda data: None)  # type: ignore[arg-type,return-value]
    text = messages.dump(history, store=lambda data: "there")
    with pytest.raises(ConfigurationError, match="returned a str"):
        messages.load(text, fetch=lambda reference: "bytes")  # type: ignore[arg-type,return-value]
    with pytest.raises(KeyError):
        messages.load(text, fetch=dict[str, bytes]().__getitem__)


# --- the format ----------------------------------------------------------------------------------


def test_old_files_load_for_ever() -> None:
    """Of every version: they were written by hand from the description of the format, and never change."""
    for version in range(1, envelope.VERSION + 1):
        history = (DATA / f"history-{version}.json").read_text(encoding="utf-8")
        assert whole(messages.load(history)) == whole(HISTORIES[version])
        response = (DATA / f"response-{version}.json").read_text(encoding="utf-8")
        assert whole(messages.load_response(response)) == whole(EVERY_FIELD)


def test_todays_text_is_that_of_todays_file() -> None:
    """Whoever changes the format gives it a new version, and adds a file."""
    history = (DATA / f"history-{envelope.VERSION}.json").read_text(encoding="utf-8")
    response = (DATA / f"response-{envelope.VERSION}.json").read_text(encoding="utf-8")
    assert json.loads(messages.dump(EVERY_PART)) == json.loads(history)
    assert json.loads(messages.dump_response(EVERY_FIELD)) == json.loads(response)


def test_the_published_schema_is_that_of_the_code() -> None:
    """`python -m ranvier.messages.saved.published` writes it."""
    for folder in (ROOT / "docs", Path(published.__file__).parent):
        assert (folder / published.FILE).read_text(encoding="utf-8") == published.text()
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "record",
    [parts.MESSAGE, *parts.PARTS, answers.RESPONSE, answers.USAGE, answers.ATTEMPT],
    ids=lambda record: record.name,
)
def test_no_field_is_forgotten(record: Any) -> None:
    """A new field of a dataclass is saved, or stands here with those that are not."""
    left_out = {"response": {"parsed", "record"}}.get(record.name, set())
    assert {each.name for each in fields(record.of)} - set(record.fields) == left_out


def test_no_part_is_forgotten() -> None:
    """A new part of messages is saved."""
    assert {record.of for record in parts.PARTS} == set(get_args(Part))
    assert json.loads(json.dumps(SCHEMA))["$defs"]["message"]["properties"]["role"] == {"enum": [*ROLES]}


# --- what cannot be saved ------------------------------------------------------------------------


def deep(levels: int) -> Any:
    value: Any = "the end"
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("history", "told"),
    [
        ([Message("user", [Text("Hi", {"at": date(2026, 1, 1)})])], "content[0].extra holds a date"),
        (
            [Message.assistant(tool_calls=[ToolCall("1", "f", {1: 2})])],  # type: ignore[dict-item]
            "arguments has a key that is no string",
        ),
        ([Message("user", [Native("x", {"n": float("nan")})])], "data is not a finite number"),
        ([Message("user", [Native("x", {"n": 10**5000})])], "an integer has too many digits"),
        ([Message("user", [Native("x", {"n": deep(200)})])], "more than 100 levels"),
        ([Message("user", [Text(5)])], "content[0].text is of type int, not str"),  # type: ignore[arg-type]
        ([Message("tool", [ToolResult("1", "x", is_error=2)])], "is_error is of type int, not bool"),  # type: ignore[arg-type]
        ([{"role": "user", "content": "Hi"}], "history[0] is of type dict, not Message"),
        ("Hi", "history[0] is of type str, not Message"),
        (5, "history is a int"),
        (Response("Hi"), "call dump_response()"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_json_cannot_hold_is_refused(history: Any, told: str) -> None:
    """When it is saved, not when it is loaded, with the place and without the value."""
    with pytest.raises(ConfigurationError) as caught:
        messages.dump(history)
    assert told in str(caught.value)


def test_what_is_saved_can_be_loaded() -> None:
    """The limits of both are the same."""
    history = [Message("user", [WirePart("x", {"n": deep(kinds.MAX_DEPTH - 1)})])]
    assert messages.load(messages.dump(history)) == history


def test_a_text_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways; the error says what to do."""
    text = messages.dump([Message.user("x" * 100)])
    monkeypatch.setattr(envelope, "MAX_LENGTH", 100)
    with pytest.raises(ConfigurationError, match="or drop old messages"):
        messages.dump([Message.user("x" * 100)])
    with pytest.raises(InvalidDumpError, match="more than 100 characters"):
        messages.load(text)


# --- what cannot be loaded -----------------------------------------------------------------------

GOOD = json.loads(messages.dump([Message("user", [Text("the secret")])]))
SECRET = "the secret"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not valid JSON"),
        (json.dumps(GOOD)[:-1], "cut off"),
        (b"\xff\xfe", "not valid JSON"),
        ("[" * 1_000_000, "not valid JSON"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "not valid JSON"),
        (json.dumps(GOOD).replace('"the secret"', "NaN"), "not valid JSON"),
        (json.dumps(GOOD).replace('"the secret"', "9" * 5000), "not valid JSON"),
        ("[]", "was not written by ranvier"),
        (json.dumps({**GOOD, "format": "the secret"}), "was not written by ranvier"),
        (messages.dump_response(Response(SECRET)), "holds a response, not a history: call load_response()"),
        (json.dumps({**GOOD, "version": 3}), "has version 3 of the format, and this ranvier reads up to 2"),
        (json.dumps({**GOOD, "version": 10**50}), "pip install --upgrade ranvier"),
        (json.dumps({**GOOD, "version": True}), "no valid 'version'"),
        (json.dumps({**GOOD, "version": 0}), "no valid 'version'"),
        (json.dumps({**GOOD, "the secret": 1}), "other fields"),
        (json.dumps({**GOOD, "history": SECRET}), "history is of type str, not list"),
        (json.dumps({**GOOD, "history": [SECRET]}), "history[0] is of type str, not a JSON object"),
        (json.dumps(GOOD).replace('"user"', '"the secret"'), "history[0].role is not one of system, user"),
        (json.dumps(GOOD).replace('"text": ', '"the secret": '), "content[0] has a key that this version"),
        (
            json.dumps(GOOD).replace('"text", ', '"the secret", '),
            "content[0] has another type than text",
        ),
        (json.dumps(GOOD).replace('"role"', '"extra": {}, "role "'), "has a key"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_a_text_that_is_none_is_refused(text: Any, told: str) -> None:
    """With one error, which names the place and the remedy and quotes nothing."""
    with pytest.raises(InvalidDumpError) as caught:
        messages.load(text)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)
    assert isinstance(caught.value, (ranvier.ConfigurationError, ValueError))


def test_a_response_is_loaded_from_a_response_only() -> None:
    """The error names the other function."""
    with pytest.raises(InvalidDumpError, match=r"call load\(\)"):
        messages.load_response(messages.dump([]))
    with pytest.raises(ConfigurationError, match="text is a dict"):
        messages.load({})  # type: ignore[arg-type]

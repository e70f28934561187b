"""Describes mistakes in a file: each message names file, line and key, and the nearest known word."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ranvier.config.source import Source
from ranvier.config.types_of_values import MARK, keys_of
from ranvier.config.values import Imported
from ranvier.errors.configuration import ConfigurationError

MAX_SHOWN = 20
"""Maximum number of mistakes in one error."""

SENTENCES = {
    "missing": "is missing",
    "bool_type": "give true or false",
    "int_type": "give a whole number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "string_type": "give a string",
    "string_too_short": "give at least one character",
    "list_type": "give a list",
    "too_short": "give at least one",
    "dict_type": "give a table",
    "model_type": "give a table",
    "model_attributes_type": "give a table",
    "string_pattern_mismatch": "write package.module:name",
    "union_tag_not_found": "give a value of another type",
}
"""Messages by the type of pydantic's error; other types keep pydantic's message."""


def validated(model: type[BaseModel], source: Source) -> BaseModel:
    """The content of `source`, validated by `model`.

    Raises:
        ConfigurationError: the content is invalid; the message has one line per mistake.
    """
    try:
        return model.model_validate(source.data)
    except ValidationError as error:
        mistakes = error.errors(include_input=False, include_url=False)
        found = [_sentence(each, model, source) for each in mistakes[:MAX_SHOWN]]
        more = [f"and {len(mistakes) - MAX_SHOWN} more"] if len(mistakes) > MAX_SHOWN else []
    except RecursionError:
        found, more = [f"{source.name} is nested too deeply"], []
    raise ConfigurationError("\n".join([*dict.fromkeys(found), *more]))


def _sentence(error: ErrorDetails, model: type[BaseModel], source: Source) -> str:
    path = [each for each in error["loc"] if not str(each).startswith(MARK)]
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        *around, key = error["loc"]
        path = [each for each in around if not str(each).startswith(MARK)] + [key]
        what = _unknown(str(key), _table_at(model, around))
    elif kind == "union_tag_invalid":
        path.append("type")
        tags, given = _tags_at(model, error["loc"]), str(context["tag"]).removeprefix(MARK)
        what = f"{given!r:.60} is unknown{suggestion(given, tags)}; known are {', '.join(tags)}"
    elif kind == "union_tag_not_found" and path[:1] in (["layers"], ["providers"]) and len(path) == 2:
        what = f"give a table with a type; known are {', '.join(_tags_at(model, error['loc']))}"
    elif kind == "union_tag_not_found":
        what = f"give {_one_of(_tags_at(model, error['loc']))}"
    elif kind == "literal_error":
        what = _one_of_words(context["expected"], _tags_at(model, error["loc"][:-1]))
    elif kind == "list_type" and path == ["layers"]:
        what = "give a list: begin each layer with [[layers]]"
    else:
        what = SENTENCES.get(kind, error["msg"])
    return str(source.error(path, what))


def _tags_at(model: type[BaseModel], steps: Iterable[str | int]) -> list[str]:
    """The names of the kinds or tables that a value at the path `steps` may be; empty if it is of one."""
    place: Any = model
    for step in steps:
        place = next(_inside(place, step), None)
    tags = (getattr(more, "tag", "") for each in _plain(place) for more in getattr(each, "__metadata__", ()))
    return [tag.removeprefix(MARK) for tag in tags if tag and tag != f"{MARK}{Imported.__name__}"]


def _one_of_words(words: str, kinds: list[str]) -> str:
    """What to give where one of `words` is accepted, or a value of another of the `kinds`."""
    others = [kind for kind in kinds if kind != "string"]
    return f"give {_one_of(others)}, or {words}" if others else f"choose one of {words}"


def _one_of(kinds: Iterable[str]) -> str:
    """`a number or a table`; the tables of our classes are called so."""
    return " or ".join(dict.fromkeys(f"a {kind if kind.islower() else 'table'}" for kind in kinds))


def _unknown(key: str, table: type[BaseModel]) -> str:
    """The remedy for an unknown key: the hint of its constructor, or the nearest known key."""
    known = keys_of(table)
    constructor: Any = getattr(table, "constructor", None)
    remedies = getattr(getattr(constructor, "__init__", constructor), "remedies", {})
    instead = f": {remedies[key]}" if key in remedies else suggestion(key, known)
    return f"unknown{instead}; known are {', '.join(sorted(known))}"


def suggestion(name: str, known: Iterable[str]) -> str:
    """The nearest known word, as a question; empty if none is near."""
    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(name.lower(), by_lower, 1)
    return f", did you mean {by_lower[close[0]]!r}?" if close else ""


def _table_at(model: type[BaseModel], steps: Iterable[str | int]) -> type[BaseModel]:
    """The table at the path `steps` of a pydantic error."""
    place: Any = model
    for step in steps:
        place = next(_inside(place, step))
    return next(each for each in _plain(place) if isinstance(each, type) and issubclass(each, BaseModel))


def _inside(place: Any, step: str | int) -> Iterator[Any]:
    """The types at `step` in a value of type `place`."""
    for each in _plain(place):
        if isinstance(each, type) and issubclass(each, BaseModel):
            for name, field in each.model_fields.items():
                if step == (field.alias or name):
                    yield field.annotation
        elif get_origin(each) in (list, dict):
            yield get_args(each)[-1]
        elif any(getattr(more, "tag", None) == step for more in getattr(each, "__metadata__", ())):
            yield get_args(each)[0]


def _plain(place: Any) -> Iterator[Any]:
    """The members of nested unions; a tagged union is not expanded."""
    if any(hasattr(each, "tag") for each in getattr(place, "__metadata__", ())):
        yield place
        return
    inner = get_args(place)
    if isinstance(place, type) or get_origin(place) in (list, dict) or not inner:
        yield place
        return
    for each in inner:
        yield from _plain(each)

"""The form that an answer must have, and whether an answer has it.

Nothing is imported for it until a form is asked for: `declared` needs pydantic, `written` jsonschema.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, is_dataclass, replace
from types import ModuleType
from typing import Any, get_origin

from ranvier.errors import ConfigurationError
from ranvier.messages.lenient import STRICT, json_in, objects_in

LONGEST_PLACE = 200
"""Characters of a place that are shown; the middle of a longer one is left out."""


@dataclass(frozen=True, slots=True)
class Misfit:
    """Where and how an answer leaves its schema.

    Attributes:
        place: A JSON path. Keys that the schema does not name are shown as `*`: they are content.
        rule: What is asked there, without a word of the answer: fit for logs.
        words: The same in words that may quote the answer: fit for the model that wrote it, alone.
    """

    place: str
    rule: str
    words: str

    def __str__(self) -> str:
        return f"at {self.place}: {self.rule}"


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON schema, and what a valid answer is made into.

    Attributes:
        definition: The JSON schema, as the providers are given it.
        name: A short name for it; some wires want one.
        model: The type that `parsed` is an instance of: a pydantic model, a dataclass, a TypedDict,
            `list[int]`. `None` leaves it plain data.
        repairs: 1 to show a model what is wrong with an answer that does not fit, and ask it once
            more; else 0.
    """

    definition: Mapping[str, Any]
    name: str = "answer"
    model: Any = None
    repairs: int = 0

    @classmethod
    def of(cls, form: Any, *, name: str | None = None) -> Schema:
        """The schema for `form`: a JSON schema of type `object`, a pydantic model, a dataclass, a TypedDict.

        Any other type that JSON can hold (`list[int]`, `Cat | Dog`) is asked for as the only field of an
        object, since providers take nothing else at the root; `parsed` is the value of that field.

        A dict stays word for word what it is. Of a declared type every field is required, those
        with a default too, and no others are allowed, because strict wires take nothing else; a
        default still fills what an answer leaves out all the same.

        Raises:
            ConfigurationError: it is none of these, or no provider could take it.
        """
        if isinstance(form, Schema):
            checked = form if form.model is not None else cls.of(form.definition, name=form.name)
            return replace(checked, name=name or form.name, repairs=form.repairs)
        if isinstance(form, Mapping):
            definition = _written().checked(form)
            title = definition.get("title")
            return cls(definition, name or name_for(str(title or "")) or "answer")
        if isinstance(form, type) or get_origin(form) is not None:
            title = name_for(getattr(form, "__name__", ""))
            return cls(_declared().definition(form), name or title or "answer", form)
        raise ConfigurationError(
            f"schema is a {type(form).__name__}: give {_meant(form)}a JSON schema as a dict, a pydantic "
            "model, a dataclass, a TypedDict, or a type such as list[int]"
        )

    def fit(self, text: str) -> tuple[Any, tuple[Misfit, ...]]:
        """What `text` says in this form; or `None`, and where it leaves the form.

        Thoughts, a fence and words around the JSON are passed over, where one JSON object is left that fits.
        """
        plain = json_in(text)
        try:
            data = STRICT.decode(plain)
        except (ValueError, RecursionError) as error:
            return self._fit_one_of(objects_in(text), error)
        return self._read(plain, data)

    def _fit_one_of(self, found: list[str], error: Exception) -> tuple[Any, tuple[Misfit, ...]]:
        """The one object that fits, of those that were `found` in an answer that is no JSON as a whole."""
        if not found:
            return None, (_no_json(error),)
        read = [self._read(each, STRICT.decode(each)) for each in found]
        fitting = [each for each in read if not each[1]]
        if len(found) == 1 or len(fitting) == 1:
            return (fitting or read)[0]
        rule = f"no JSON that stands alone ({len(found)} different objects)"
        return None, (Misfit("$", rule, rule),)

    def _read(self, text: str, data: Any) -> tuple[Any, tuple[Misfit, ...]]:
        if self.model is not None:
            return _declared().read(self.model, text, data, self.definition)  # type: ignore[no-any-return]
        return _written().read(self.definition, data)  # type: ignore[no-any-return]


def _meant(form: object) -> str:
    """What the author of a wrong `schema=` most likely meant, as the beginning of a list."""
    if isinstance(form, list) and len(form) == 1 and isinstance(form[0], type):
        return f"list[{form[0].__name__}], "
    if hasattr(type(form), "model_fields") or is_dataclass(form):
        return f"the class {type(form).__name__} and not an instance of it, "
    return ""


def _no_json(error: Exception) -> Misfit:
    rule = "no JSON that could be read"  # NaN, 1e999, a number of 5,000 digits, a tower of brackets
    if isinstance(error, json.JSONDecodeError):
        rule = f"no JSON ({error.msg}, line {error.lineno} column {error.colno})"
    return Misfit("$", rule, rule)


# --- places --------------------------------------------------------------------------------------


def place(segments: Iterable[str | int], names: Set[str]) -> str:
    """`$.items[0].price` for the way to a value; keys that are not among `names` are content."""
    shown = "$"
    for segment in segments:
        if isinstance(segment, int):
            shown += f"[{segment}]"
        elif segment not in names:
            shown += ".*"
        else:
            shown += f".{segment}" if segment.isidentifier() else f"[{segment!r}]"
    if len(shown) > LONGEST_PLACE:
        shown = f"{shown[: LONGEST_PLACE // 2]}...{shown[-LONGEST_PLACE // 2 :]}"
    return shown


def names_in(definition: object) -> set[str]:
    """Every name that a schema gives to a property."""
    names: set[str] = set()
    rest = [definition]
    while rest:  # no recursion: a schema may be as deep as it likes
        node = rest.pop()
        if isinstance(node, Mapping):
            properties = node.get("properties")
            names.update(properties if isinstance(properties, Mapping) else ())
            rest.extend(node.values())
        elif isinstance(node, (list, tuple)):
            rest.extend(node)
    return names


def name_for(name: str) -> str:
    """`name` in the characters that every provider takes in the name of a tool or a schema; maybe none."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", name)[:64].strip("_")


# --- what is imported only when it is needed --------------------------------------------------------


def _declared() -> ModuleType:
    from ranvier.messages import declared

    return declared


def _written() -> ModuleType:
    try:
        from ranvier.messages import written
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"schema=...: a JSON schema is checked with {error.name}, which is not installed: "
            "pip install 'ranvier[schema]', or declare the answer as a pydantic model"
        ) from None
    return written

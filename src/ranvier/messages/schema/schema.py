"""The schema of a structured answer, and the validation of answers against it.

Its dependencies are imported on first use: `declared` needs pydantic, `written` needs jsonschema.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, is_dataclass, replace
from types import ModuleType
from typing import Any, get_origin

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.schema.lenient import STRICT, json_in, objects_in
from ranvier.messages.schema.mismatch import Mismatch, name_for


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON schema, and the type of a valid answer.

    Attributes:
        definition: The JSON schema, as it is sent to providers.
        name: A short name for it; some wires require one.
        model: The type that `parsed` is an instance of: a pydantic model, a dataclass, a TypedDict,
            `list[int]`. `None` leaves it plain data.
        repairs: 1 to show the model what is wrong with an answer that does not match, and ask it once
            more; else 0.
    """

    definition: Mapping[str, Any]
    name: str = "answer"
    model: Any = None
    repairs: int = 0

    @classmethod
    def of(cls, form: Any, *, name: str | None = None) -> Schema:
        """The schema for `form`: a JSON schema of type `object`, a pydantic model, a dataclass, a TypedDict.

        Any other type that JSON can represent (`list[int]`, `Cat | Dog`) is requested as the only field of an
        object, because providers require an object at the root; `parsed` is the value of that field.

        A dict is sent unchanged. For a declared type every field is required, including those with a
        default, and no others are allowed, because strict wires require that; a default still fills a
        field that an answer omits.

        Raises:
            ConfigurationError: it is none of these, or no provider could accept it.
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

    def fit(self, text: str) -> tuple[Any, tuple[Mismatch, ...]]:
        """`text` parsed and validated; or `None` and the mismatches.

        Thoughts, a fence and text around the JSON are ignored if exactly one JSON object matches.
        """
        plain = json_in(text)
        try:
            data = STRICT.decode(plain)
        except (ValueError, RecursionError) as error:
            return self._fit_one_of(objects_in(text), error)
        return self._read(plain, data)

    def _fit_one_of(self, found: list[str], error: Exception) -> tuple[Any, tuple[Mismatch, ...]]:
        """The one matching object of those `found` in an answer that is not JSON as a whole."""
        if not found:
            return None, (_unreadable(error),)
        read = [self._read(each, STRICT.decode(each)) for each in found]
        fitting = [each for each in read if not each[1]]
        if len(found) == 1 or len(fitting) == 1:
            return (fitting or read)[0]
        rule = f"{len(found)} different JSON objects instead of one"
        return None, (Mismatch("$", rule, rule),)

    def _read(self, text: str, data: Any) -> tuple[Any, tuple[Mismatch, ...]]:
        if self.model is not None:
            return _declared().read(self.model, text, data, self.definition)  # type: ignore[no-any-return]
        return _written().read(self.definition, data)  # type: ignore[no-any-return]


def _meant(form: object) -> str:
    """What the author of an invalid `schema=` most likely meant, as the beginning of a list."""
    if isinstance(form, list) and len(form) == 1 and isinstance(form[0], type):
        return f"list[{form[0].__name__}], "
    if hasattr(type(form), "model_fields") or is_dataclass(form):
        return f"the class {type(form).__name__} and not an instance of it, "
    return ""


def _unreadable(error: Exception) -> Mismatch:
    rule = "unreadable JSON"  # NaN, 1e999, a number of 5,000 digits, deeply nested brackets
    if isinstance(error, json.JSONDecodeError):
        rule = f"not JSON ({error.msg}, line {error.lineno} column {error.colno})"
    return Mismatch("$", rule, rule)


# --- imported on first use -----------------------------------------------------------------------


def _declared() -> ModuleType:
    from ranvier.messages.schema import declared

    return declared


def _written() -> ModuleType:
    try:
        from ranvier.messages.schema import written
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"schema=...: a JSON schema is checked with {error.name}, which is not installed: "
            "pip install 'ranvier[schema]', or declare the answer as a pydantic model"
        ) from None
    return written

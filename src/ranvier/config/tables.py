"""The tables of a file: a model for each constructor, derived from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator
from functools import cache, partial
from types import NoneType
from typing import Any, ClassVar, Literal, Self, get_args

from pydantic import BaseModel, Field, create_model

from ranvier.config.hints import Parameter, parameters_of
from ranvier.config.types_of_values import type_of
from ranvier.config.values import SETTINGS, Secret, holds_secret

OFF = "off"
"""The value for `None` in a file, where `None` is not the default: TOML has no null."""

PLAIN = (bool, int, float, str, NoneType)


class Table(BaseModel):
    """The arguments of one constructor.

    Attributes:
        constructor: Creates the object.
        parameters: The parameters that a file may set, by field name.
    """

    model_config = SETTINGS
    constructor: ClassVar[Callable[..., Any]]
    parameters: ClassVar[dict[str, Parameter]]

    def values_in_file(self) -> Iterator[tuple[Parameter, Any]]:
        """The values that the file has, by parameter."""
        for field, parameter in self.parameters.items():
            if field in self.model_fields_set:
                yield parameter, getattr(self, field)


def table_of(
    constructor: Callable[..., Any], *, named: str | None = None, without: Collection[str] = ()
) -> type[Table]:
    """The table of a constructor, `without` some parameters; `named` is the value of its key `type`."""
    return _table_of(constructor, named, tuple(without))


@cache
def _table_of(constructor: Callable[..., Any], named: str | None, without: tuple[str, ...]) -> type[Table]:
    parameters = {f"p_{each.name}": each for each in parameters_of(constructor) if each.name not in without}
    nested = _Nested(constructor, without)
    fields: dict[str, Any] = {field: _field(each, nested) for field, each in parameters.items()}
    if named is not None:
        fields["type_"] = (Literal[named], Field(alias="type"))
    summary = inspect.cleandoc(constructor.__doc__ or "").partition("\n\n")[0]
    table: type[Table] = create_model(constructor.__name__, __base__=Table, __doc__=summary, **fields)
    table.constructor, table.parameters = constructor, parameters
    return table


class _Nested:
    """The tables for the types of a constructor's parameters."""

    def __init__(self, constructor: Callable[..., Any], without: tuple[str, ...]) -> None:
        self._constructor = constructor
        self._without = without

    def __call__(self, hint: Any) -> type[Table]:
        if hint is not Self:
            return _table_of(hint, None, ())
        own = [each.name for each in parameters_of(self._constructor) if not _mentions_self(each.hint)]
        left_out = {each.name for each in parameters_of(self._constructor)} - set(own)
        return _table_of(self._constructor, None, (*self._without, *sorted(left_out)))


def _mentions_self(hint: Any) -> bool:
    """True for the overrides of a layer: an override has no overrides of its own."""
    return hint is Self or any(map(_mentions_self, get_args(hint)))


def _field(parameter: Parameter, nested: _Nested) -> tuple[Any, Any]:
    kind = type_of(parameter.hint, nested, also=(Literal["off"],) if parameter.has_off else ())
    default = parameter.default if isinstance(parameter.default, PLAIN) else None
    if holds_secret(parameter.name) and _holds(parameter.hint, str):
        kind = Secret | None
    if parameter.several:
        kind = list[kind]  # type: ignore[valid-type]
    described = partial(Field, alias=parameter.name, description=parameter.meaning or None)
    if parameter.is_required:
        return kind, described(min_length=1 if parameter.several else None)
    return kind, described(default)


def _holds(hint: Any, kind: type) -> bool:
    return hint is kind or kind in get_args(hint)

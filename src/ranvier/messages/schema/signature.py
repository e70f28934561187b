"""Converts the parameters of a function into a type that pydantic can read."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any, NotRequired, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticSerializationError
from typing_extensions import TypedDict  # because pydantic takes no other before Python 3.12

from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.schema.declared import as_json

if sys.version_info >= (3, 14):
    import annotationlib


def arguments_of(function: Callable[..., Any]) -> Any:
    """The keyword arguments that `function` takes, as a TypedDict.

    Raises:
        ConfigurationError: a parameter has no type, or cannot be passed by name.
    """
    name = getattr(function, "__name__", "arguments")
    hints = _hints(function, name)
    try:
        parameters = _signature(function).parameters
    except (TypeError, ValueError):
        raise ConfigurationError(f"{name}(): it has no signature to read: write a Tool(...) for it") from None
    fields = {key: _field(name, parameter, hints) for key, parameter in parameters.items()}
    typed_dict: Any = TypedDict  # because mypy knows only those that are written out
    kind = typed_dict(name, fields)
    kind.__pydantic_config__ = ConfigDict(extra="forbid")
    return kind


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The annotations of the parameters, not of the result, which may name types unknown at run time."""
    inner = inspect.unwrap(getattr(function, "__func__", function))
    try:
        annotations = _annotations(inner)
        annotations.pop("return", None)
        return get_type_hints(
            SimpleNamespace(__annotations__=annotations),
            globalns=getattr(inner, "__globals__", {}),
            include_extras=True,
        )
    except Exception as error:  # evaluating an annotation runs user code, which may raise anything
        raise ConfigurationError(f"{name}(): an annotation cannot be read: {error!s:.200}") from None


def _annotations(function: Any) -> dict[str, Any]:
    """The annotations of one function; on Python 3.14 an undefined name becomes a `ForwardRef`."""
    if sys.version_info >= (3, 14):
        return dict(annotationlib.get_annotations(function, format=annotationlib.Format.FORWARDREF))
    return dict(getattr(function, "__annotations__", {}))


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """The signature, without evaluating names that are imported only for type checking."""
    if sys.version_info >= (3, 14):
        return inspect.signature(function, annotation_format=annotationlib.Format.FORWARDREF)
    return inspect.signature(function)


def _field(name: str, parameter: inspect.Parameter, hints: dict[str, Any]) -> Any:
    """The type of one parameter, with its description and default."""
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        raise ConfigurationError(
            f"{name}({parameter}): a model fills in parameters by name: give each a name and a type"
        )
    if parameter.name not in hints:
        raise ConfigurationError(f"{name}({parameter.name}): annotate it, so that a model knows what to give")
    if isinstance(parameter.default, FieldInfo):
        raise ConfigurationError(
            f"{name}({parameter.name}=Field(...)): write it as Annotated[..., Field(...)], because "
            "the function would be called with the Field itself"
        )
    kind = hints[parameter.name]
    if get_origin(kind) is Annotated:
        words = next((extra for extra in get_args(kind)[1:] if isinstance(extra, str)), None)
        kind = kind if words is None else Annotated[kind, Field(description=words)]
    if parameter.default is parameter.empty:
        return kind
    return NotRequired[_with_default(kind, parameter.default)]


def _with_default(kind: Any, default: object) -> Any:
    """`kind` with the default in its schema, so that the model knows it."""
    if default is None:
        return kind
    try:
        return Annotated[kind, Field(json_schema_extra={"default": as_json(default)})]
    except PydanticSerializationError:
        return kind

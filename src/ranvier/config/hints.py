"""The parameters of a constructor, with their types evaluated at run time."""

from __future__ import annotations

import builtins
import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, is_dataclass
from types import NoneType
from typing import Any, get_args


class _ObjectType(type):
    """Makes every attribute and subscript of `Object` evaluate to `Object`."""

    def __getattr__(cls, name: str) -> type[Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return Object

    def __getitem__(cls, item: object) -> type[Any]:
        return Object


class Object(metaclass=_ObjectType):
    """Replaces a type that a module imports only for type checkers: an object, not data of a file."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a constructor.

    Attributes:
        name: Its name.
        hint: Its type.
        default: Its default; `inspect.Parameter.empty` if it has none.
        several: True for `*name`: the file has a list.
        meaning: Its description in the docstring of the constructor.
    """

    name: str
    hint: Any
    default: Any
    several: bool
    meaning: str

    @property
    def has_off(self) -> bool:
        """True if it may be `None`, but is not by default: `"off"` in a file, because TOML has no null."""
        return self.default is not None and NoneType in get_args(self.hint)

    @property
    def is_required(self) -> bool:
        """True if it has no default."""
        return self.several or self.default is inspect.Parameter.empty


def parameters_of(constructor: Callable[..., Any]) -> Iterator[Parameter]:
    """The parameters of a class or a function, without those that only reject mistakes (`**unknown`)."""
    names = _Names(constructor)
    meanings = dict(_meanings(constructor))
    for each in inspect.signature(constructor).parameters.values():
        if each.kind is not each.VAR_KEYWORD:
            hint = names.evaluated(each.annotation)
            several = each.kind is each.VAR_POSITIONAL
            yield Parameter(each.name, hint, each.default, several, meanings.get(each.name, ""))


class _Names(dict[str, Any]):
    """The names that annotations of a constructor may use, from its module and those of its base classes."""

    def __init__(self, constructor: Callable[..., Any]) -> None:
        super().__init__()
        for each in reversed(_bases(constructor)):
            self.update(vars(sys.modules[each.__module__]))

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, Object)

    def evaluated(self, annotation: Any) -> Any:
        """Evaluate `annotation` to a type."""
        if annotation is inspect.Parameter.empty:
            return Any
        return eval(annotation, {}, self) if isinstance(annotation, str) else annotation


def _bases(constructor: Callable[..., Any]) -> list[Any]:
    mro = constructor.__mro__ if isinstance(constructor, type) else (constructor,)
    return [each for each in mro if each.__module__ in sys.modules]


def _meanings(constructor: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """The descriptions of parameters in docstrings; base classes come first.

    They are under `Args:`, or for a dataclass, whose attributes are its parameters, under `Attributes:`.
    """
    for each in reversed(_bases(constructor)):
        title = "Attributes:\n" if is_dataclass(each) else "Args:\n"
        section = inspect.cleandoc(each.__doc__ or "").partition(title)[2]
        names, words = "", [""]
        for line in section.splitlines():
            if not line.startswith("    "):
                break  # the next section
            if not line.startswith("     ") and ": " in line:
                yield from _each(names, words)
                names, _, first = line.strip().partition(": ")
                words = [first]
            else:
                words.append(line.strip())
        yield from _each(names, words)


def _each(names: str, words: list[str]) -> Iterator[tuple[str, str]]:
    for name in names.split(", "):
        yield name, " ".join(words)

"""The type of a value in a file, from the type of a parameter."""

from __future__ import annotations

import collections.abc
from collections.abc import Callable, Collection, Iterable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, Discriminator, Tag

from ranvier.config.hints import Object
from ranvier.config.values import Imported, Plain, ProviderByName, Secret, Target, texts_by_name
from ranvier.pipeline.deployment import Provider

MARK = "="
"""Begins a tag: a step in the path of an error that is no key of the file."""

Text = (Plain, Secret)
"""The types of a text: written in the file, or read from the environment or a command."""

TableOf = Callable[[Any], Any]
"""Creates the table of one of our classes; for `Self`, of the class that has the parameter."""

ANY_KEYS = f"{MARK}table"
"""The tag of a table with arbitrary keys, such as headers; tables with known keys take precedence."""

KINDS = {
    NoneType: "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "list",
    dict: "table",
}
"""The names of types in error messages."""


def type_of(hint: Any, table_of: TableOf, *, nested: bool = False, also: Collection[Any] = ()) -> Any:
    """The type in a file for a value with this type hint: `Imported` for anything that is not data.

    Args:
        hint: The type hint.
        table_of: Creates the tables of classes.
        nested: True inside a list or a mapping, where any value is data.
        also: Further members of a union.
    """
    if hint is Any:
        return Any if nested else Imported
    if hint is str:
        return united(Text)
    if hint in KINDS or hint is None or get_origin(hint) is Literal:
        return hint
    kind, inner = get_origin(hint), get_args(hint)
    if kind in (Union, UnionType):
        members = [Text if each is str else type_of(each, table_of) for each in _members(inner)]
        return united([*(part for each in members for part in (each if each is Text else (each,))), *also])
    if kind in (dict, collections.abc.Mapping) and inner[1] is str:
        return texts_by_name(united(Text))
    if kind in (dict, collections.abc.Mapping):
        return dict[str, type_of(inner[1], table_of, nested=True)]  # type: ignore[misc]
    if kind in (list, collections.abc.Sequence, collections.abc.Iterable):
        return list[type_of(inner[0], table_of, nested=True)]  # type: ignore[misc]
    if hint is Provider:
        return ProviderByName
    if hint is Target or hint is Self or _has_table(hint):
        return hint if hint is Target else table_of(hint)
    return Imported


def _members(members: tuple[Any, ...]) -> Iterable[Any]:
    """The members of a union; a union of provider and str becomes a target name."""
    if Provider in members and str in members:
        return [each for each in members if each not in (Provider, str)] + [Target]
    return members


def _has_table(hint: Any) -> bool:
    """True for one of our classes that can be created from data, unlike interfaces and unknown types."""
    ours = isinstance(hint, type) and hint is not Object and hint.__module__.startswith("ranvier.")
    return ours and not getattr(hint, "_is_protocol", False)


# --- unions --------------------------------------------------------------------------------------


def united(members: Iterable[Any]) -> Any:
    """A union of `members`, tagged by the kind of value: a mistake is one error, not one per member."""
    by_tag: dict[str, list[Any]] = {}
    for each in members:
        by_tag.setdefault(_tag_of(each), []).append(each)
    nullable = by_tag.pop(f"{MARK}null", None) is not None
    one_each = {tag: Union[tuple(several)] for tag, several in by_tag.items()}  # noqa: UP007
    chosen: Any = next(iter(one_each.values()))
    if len(one_each) > 1:
        tagged = tuple(Annotated[each, Tag(tag)] for tag, each in one_each.items())
        chosen = Annotated[Union[tagged], Discriminator(_Chooser(one_each))]  # noqa: UP007
    return Union[chosen, None] if nullable else chosen  # noqa: UP007


def _tag_of(member: Any) -> str:
    if isinstance(member, type) and issubclass(member, BaseModel):
        return MARK + member.__name__
    plain = get_args(member)[0] if get_origin(member) is Annotated else member
    if get_origin(plain) is Literal:
        plain = type(get_args(plain)[0])
    return MARK + KINDS[get_origin(plain) or (NoneType if plain is None else plain)]


class _Chooser:
    """Selects the member of a union for a value: by its kind, and among tables by their keys."""

    __name__ = "chooser"  # pydantic asks for it

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._tags = set(members)
        self._tables = {tag: keys_of(each) for tag, each in members.items() if tag[1:] not in KINDS.values()}

    def __call__(self, value: Any) -> str | None:
        if isinstance(value, Mapping) and self._tables:
            known = {tag: len(keys & value.keys()) for tag, keys in self._tables.items()}
            best = max(known, key=lambda tag: known[tag])
            return best if known[best] or ANY_KEYS not in self._tags else ANY_KEYS
        tag = MARK + next((kind for known, kind in KINDS.items() if type(value) is known), "")
        return tag if tag in self._tags else None


def keys_of(table: type[BaseModel]) -> set[str]:
    """The keys of a table."""
    return {field.alias or name for name, field in table.model_fields.items()}

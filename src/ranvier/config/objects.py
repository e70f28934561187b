"""Creates the objects that a file describes."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ranvier.config.mistakes import suggestion
from ranvier.config.secrets import Hidden, of_command, of_environment, revealed
from ranvier.config.source import Source
from ranvier.config.tables import OFF, Table
from ranvier.config.values import Imported, ProviderName, Secret, TargetName, holds_secret
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.deployment import Deployment, Provider
from ranvier.pipeline.registry import names_in, names_of, provider_named

Path = tuple[str | int, ...]

STORE = "store"
"""The table of the store."""

IMPORT_IS_OFF = "import is off: allow it with from_config(..., imports=True), or --imports in a shell"

UNREAD = {
    "base_url": "https://unread.invalid",
    "endpoint": "https://unread.invalid",
    "region": "aws-unread-1",
}
"""Placeholders for texts that are not read, by parameter name, where the value must be well-formed."""

NAMED = r"(\w+)\)?="
"""The name of a parameter in the message of an error."""


class Objects:
    """The objects of one file.

    Args:
        source: The file, for errors.
        providers: Its tables of providers.
        imports: True if it may name objects of the user's code.
        secrets: True if secrets are read; otherwise providers get no key.
        before: The objects before a reload: providers with unchanged settings are reused, so that they keep
            their connections.
    """

    def __init__(
        self,
        source: Source,
        providers: Mapping[str, Table],
        *,
        imports: bool,
        secrets: bool = True,
        before: Objects | None = None,
    ) -> None:
        self._source = source
        self._tables = providers
        self._imports, self._secrets = imports, secrets
        self._before: dict[str, tuple[Any, Provider]] = {} if before is None else before._made
        self._made: dict[str, tuple[Any, Provider]] = {}  # by name: how it was described, and the provider
        self._targets: dict[str, Deployment] = {}
        self._before_store = None if before is None else before._store
        self._store: tuple[Any, Any] | None = None  # how it was described, and the store
        self._unread: set[Path] = set()  # texts that are not to be read
        for name in providers:
            if "/" in name:
                what = "a name with a slash cannot be part of a target, provider/model: rename it"
                raise source.error(("providers", name), what)
            self.provider(name, ("providers", name))

    # --- tables ----------------------------------------------------------------------------------

    def made(self, table: Table | Imported, path: Path) -> Any:
        """The object that `table` describes."""
        if isinstance(table, Imported):
            return self._imported(table, path)
        positional, named = self.arguments(table, path)
        return self.call(type(table).constructor, positional, named, path)

    def arguments(self, table: Table, path: Path) -> tuple[list[Any], dict[str, Any]]:
        """The arguments of a constructor, by position and by name."""
        positional: list[Any] = []
        named: dict[str, Any] = {}
        for parameter, value in table.values_in_file():
            is_off = parameter.has_off and isinstance(value, str) and value == OFF
            made: Any = None if is_off else self._value(value, (*path, parameter.name))
            if made is None and not is_off and value is not None:
                continue  # not read: use the default
            if parameter.several:
                positional += made
            else:
                named[parameter.name] = made
        return positional, named

    def store(self, table: Table | Imported) -> Any:
        """The store; reused if its settings are unchanged by a reload."""
        described = table if isinstance(table, Imported) else self.arguments(table, (STORE,))
        known = self._before_store
        same = known is not None and known[0] == described
        self._store = known if same else (described, self.made(table, (STORE,)))
        assert self._store is not None
        return self._store[1]

    def call(self, constructor: Any, positional: Sequence[Any], named: Mapping[str, Any], path: Path) -> Any:
        """The object that `constructor` creates; its error names the place in the file."""
        cause: Exception | None = None
        try:
            return constructor(
                *map(revealed, positional), **{name: revealed(value) for name, value in named.items()}
            )
        except ConfigurationError as error:
            what = str(error)
            for name in re.findall(NAMED, what):
                if (*path, name) in self._unread and name not in named:
                    return self.call(constructor, positional, {**named, name: _stands_for(name)}, path)
        except Exception as error:  # of an object of the user's, for example
            what = f"{type(error).__name__} in {getattr(constructor, '__name__', constructor)}(...)"
            cause = error
        for each in (*positional, *named.values()):
            what = each.hidden_in(what) if isinstance(each, Hidden) else what
        blamed = [name for name in re.findall(NAMED, what) if name in named][:1]
        try:
            raise self._source.error((*path, *blamed), what) from cause
        finally:
            del cause  # its traceback refers to this frame: a local would complete a cycle

    def _value(self, value: Any, path: Path) -> Any:
        if isinstance(value, TargetName):
            return self._target(value, path)
        if isinstance(value, ProviderName):
            return self.provider(value, path)
        if isinstance(value, Secret):
            return self._elsewhere(value, path)
        if isinstance(value, (Table, Imported)):
            return self.made(value, path)
        if isinstance(value, list):
            return [self._value(each, (*path, number)) for number, each in enumerate(value)]
        if isinstance(value, dict):
            made = {key: self._value(each, (*path, key)) for key, each in value.items()}
            return {key: each for key, each in made.items() if each is not None or value[key] is None}
        return value

    # --- providers and targets -------------------------------------------------------------------

    def provider(self, name: str, path: Path) -> Provider:
        """The provider of that name: from the file, or the vendor's provider with its defaults."""
        if name not in self._made:
            table = self._tables.get(name)
            if table is None:
                self._made[name] = self._vendor(name, path)
            else:
                constructor = type(table).constructor
                positional, named = self.arguments(table, path)
                self._made[name] = self._same(
                    name,
                    (constructor, positional, named),
                    lambda: self.call(constructor, positional, {**named, "name": name}, path),
                )
        return self._made[name][1]

    def _vendor(self, name: str, path: Path) -> tuple[Any, Provider]:
        known = {*names_of(()), *self._tables}
        if name not in known:
            names = ", ".join(sorted(known))
            what = f"provider {name!r:.80} is unknown{suggestion(name, known)}; known are {names}"
            raise self._source.error(path, what)
        return self._same(name, None, lambda: provider_named(name))

    def _same(self, name: str, described: Any, make: Any) -> tuple[Any, Provider]:
        known = self._before.get(name)
        return known if known is not None and known[0] == described else (described, make())

    def _target(self, target: str, path: Path) -> Deployment:
        if target not in self._targets:
            name, model = self.call(names_in, (target,), {}, path)
            provider = self.provider(name, path)
            self._targets[target] = self.call(Deployment, (provider, model), {}, path)
        return self._targets[target]

    # --- objects and secrets ---------------------------------------------------------------------

    def _imported(self, named: Imported, path: Path) -> Any:
        if not self._imports:
            raise self._source.error(path, IMPORT_IS_OFF)
        module, _, name = named.path.partition(":")
        try:
            thing: Any = importlib.import_module(module)
            for each in name.split("."):
                thing = getattr(thing, each)
        except Exception as error:  # the module runs, and may raise anything
            what = f"{named.path} cannot be imported: {type(error).__name__}"
            raise self._source.error((*path, "import"), what) from error
        return thing

    def _elsewhere(self, named: Secret, path: Path) -> Hidden | None:
        """A text from the environment or a command; `None` if it is not read."""
        if not self._secrets:
            self._unread.add(path)
            return None
        text, what = of_environment(named.env) if named.env else of_command(named.command or [])
        if text is not None and not text.is_one_line and holds_secret(str(path[-1])):
            text, what = None, "it has several lines, or characters that cannot be sent: a key is one line"
        if text is None:
            raise self._source.error(path, what)
        return text


def _stands_for(name: str) -> str:
    """The placeholder for a required text that is not read."""
    return UNREAD.get(name, "unread")

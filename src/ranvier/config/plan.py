"""Turns a file into the layers and the settings of a pipeline."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from ranvier.config.file import file_model, tables_of
from ranvier.config.mistakes import suggestion, validated
from ranvier.config.objects import Objects
from ranvier.config.source import PathOrDict, Source
from ranvier.config.tables import Table
from ranvier.config.values import Imported
from ranvier.errors.configuration import ConfigurationError
from ranvier.pipeline.layer import Layer


@dataclass(frozen=True, slots=True)
class Plan:
    """The layers and the settings of a pipeline.

    Attributes:
        source: The file.
        layers: The layers, from the outside in.
        settings: The other arguments of `Pipeline`.
        objects: The creator of these objects.
    """

    source: Source
    layers: list[Layer]
    settings: dict[str, Any]
    objects: Objects

    @property
    def name(self) -> str:
        """The name of the file."""
        return self.source.name

    def error(self, error: ConfigurationError) -> ConfigurationError:
        """`error` about the stack as a whole, with the place in the file added."""
        what = str(error)
        setting = next(iter(re.findall(r"^\w+", what)), "")
        path = ("pipeline", setting) if setting in self.settings else (self.source.table_of_layers,)
        return type(error)(f"{self.source.where(path)}: {what}")


def plan_of(
    config: PathOrDict, *, imports: bool = False, secrets: bool = True, before: Objects | None = None
) -> Plan:
    """The plan of `config`. It may block: it reads the file, and runs the commands that print secrets.

    Raises:
        ConfigurationError: the content is invalid; the message names file, line and key.
    """
    source = Source(config)
    file: Any = validated(file_model(), source)
    objects = Objects(source, file.providers, imports=imports, secrets=secrets, before=before)
    tables = list(tables_of(file, "layers"))
    layers = made = [_layer(objects, table, ("layers", number)) for number, table in enumerate(tables)]
    if file.resilient is not None:
        positional, named = objects.arguments(file.resilient, ("resilient",))
        constructor = type(file.resilient).constructor
        layers = objects.call(constructor, positional, {**named, "layers": layers}, ("resilient",))
    if not any(isinstance(each, Imported) for each in tables):  # a custom route may ask unlisted targets
        _check_overrides(made, layers, source)
    settings: dict[str, Any] = {}
    if file.pipeline is not None:
        settings = objects.arguments(cast(Table, file.pipeline), ("pipeline",))[1]
    if file.store is not None and secrets:
        settings["store"] = objects.store(file.store)
    return Plan(source, layers, settings, objects)


def _check_overrides(made: Sequence[Layer], layers: Sequence[Layer], source: Source) -> None:
    """Reject overrides in the tables of `made` for targets that no layer of the stack has."""
    targets = [target for layer in layers for target in layer.deployments()]
    providers = {target.provider.name for target in targets}
    known = providers | {target.target for target in targets}
    any_model = any(layer.takes_any_model for layer in layers)
    for number, layer in enumerate(made):
        for name in layer.overrides:
            if name not in known and not (any_model and name.partition("/")[0] in providers):
                what = (
                    f"no target has this name{suggestion(name, known)}; known are {', '.join(sorted(known))}"
                )
                raise source.error(("layers", number, "overrides", name), what)


def _layer(objects: Objects, table: Table | Imported, path: tuple[str | int, ...]) -> Any:
    """The layer of a table; an imported object may also be a layer class, or a function that returns one."""
    made = objects.made(table, path)
    is_maker = isinstance(made, type) or inspect.isfunction(made)
    return objects.call(made, (), {}, path) if is_maker else made

"""The model of a whole file, with all its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Annotated, Any, Union

from pydantic import BaseModel, Discriminator, Field, Tag, create_model

from ranvier import layers as all_layers
from ranvier.config.tables import Table, table_of
from ranvier.config.types_of_values import MARK, united
from ranvier.config.values import SETTINGS, Imported
from ranvier.pipeline.layer import Layer
from ranvier.pipeline.pipeline import Pipeline
from ranvier.presets import recommended_layers
from ranvier.providers import ADAPTERS, adapter
from ranvier.providers.function import FunctionProvider
from ranvier.providers.stub import Stub
from ranvier.store.valkey.store import ValkeyStore
from ranvier.telemetry.opentelemetry.layer import OpenTelemetry


def layer_classes() -> dict[str, type[Layer]]:
    """The layers that a file may use, by class name."""
    every = [*(getattr(all_layers, name) for name in all_layers.__all__), OpenTelemetry]
    return {each.__name__: each for each in every if isinstance(each, type) and issubclass(each, Layer)}


def provider_classes() -> dict[str, Any]:
    """The providers that a file may use, by vendor."""
    return {
        **{vendor: adapter(vendor) for vendor in ADAPTERS},
        "stub": Stub,
        "function": FunctionProvider,
    }


class _Type:
    """Selects the model of a table by its key `type`; a table with `import` is an imported object."""

    __name__ = "type"

    def __call__(self, value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return None
        if "import" in value and "type" not in value:
            return f"{MARK}Imported"
        return f"{MARK}{value['type']}" if isinstance(value.get("type"), str) else None


@cache
def file_model() -> type[BaseModel]:
    """The model of a file."""
    layers = {name: table_of(each, named=name) for name, each in layer_classes().items()}
    providers = {
        name: table_of(each, named=name, without=("name",)) for name, each in provider_classes().items()
    }
    pipeline = table_of(Pipeline, without=("layers", "store"))
    resilient = table_of(recommended_layers, without=("layers",))
    fields: dict[str, Any] = {
        "providers": (dict[str, _one_of(providers)], Field({}, description=PROVIDERS)),  # type: ignore[misc]
        "layers": (list[_one_of({**layers, "Imported": Imported})], Field([], description=LAYERS)),  # type: ignore[misc]
        "resilient": (resilient | None, Field(None, description=RESILIENT)),
        "pipeline": (pipeline | None, Field(None, description="The settings of the pipeline.")),
        "store": (united([table_of(ValkeyStore), Imported, None]), Field(None, description=STORE)),
    }
    return create_model("Configuration", __config__=SETTINGS, __doc__="A pipeline of ranvier.", **fields)


PROVIDERS = "Providers by the names that targets have for them. A vendor that is not here has its defaults."
LAYERS = "The layers, from the outside in. With `resilient`, further ones: each goes to its place."
STORE = "The Valkey server on which this service's workers share circuits and gates. A reload keeps it."
RESILIENT = "The recommended stack, as `resilient(...)` builds it."


def _one_of(tables: Mapping[str, type[BaseModel]]) -> Any:
    members = tuple(Annotated[each, Tag(MARK + name)] for name, each in tables.items())
    return Annotated[Union[members], Discriminator(_Type())]  # noqa: UP007


def tables_of(file: BaseModel, name: str) -> Iterable[Table | Imported]:
    """The tables of a list in the file."""
    tables: Iterable[Table | Imported] = getattr(file, name)
    return tables

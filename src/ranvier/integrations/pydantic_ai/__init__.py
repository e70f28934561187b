"""A pipeline as a model of pydantic-ai."""

from importlib import import_module

from ranvier.errors.configuration import ConfigurationError

try:
    import_module("pydantic_ai")
except ModuleNotFoundError as _missing:
    raise ConfigurationError(
        f"ranvier.integrations.pydantic_ai needs {_missing.name}: pip install 'ranvier[pydantic-ai]'"
    ) from None
try:
    from ranvier.integrations.pydantic_ai.model import PipelineModel
except (ImportError, AttributeError) as _other:
    raise ConfigurationError(
        f"ranvier.integrations.pydantic_ai needs pydantic-ai 2.68 or later ({_other}): "
        "pip install -U 'ranvier[pydantic-ai]'"
    ) from _other

__all__ = ["PipelineModel"]

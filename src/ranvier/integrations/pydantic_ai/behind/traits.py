"""The capabilities of a model of pydantic-ai, and the settings that it would ignore."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.wrapper import WrapperModel

from ranvier.messages.media.audio import Audio
from ranvier.messages.media.document import PDF, Document
from ranvier.messages.media.image import Image

RETRIES: Final = "max_retries"

FLAGS: Final = {
    Image: "supports_image_input",
    Document: "supports_document_input",
    Audio: "supports_audio_file_input",
}
"""The flag of a profile for each kind of file; it is true where it is missing."""


class Traits(NamedTuple):
    """The capabilities of a model; for a wrapper or a `FallbackModel`, those that all its models have.

    Attributes:
        ignored: The settings that it does not send.
        may_retry: True if a setting cannot switch off the retries of an SDK below.
        obeys: True if a setting can switch them off for at least one of its models.
        refused: The kinds of files that it cannot send.
        streams: True if it can stream.
        tells_end: True if the end of a stream has a finish reason, so that one without any was cut off.
    """

    ignored: frozenset[str]
    may_retry: bool
    obeys: bool
    refused: frozenset[type]
    streams: bool
    tells_end: bool

    @classmethod
    def of(cls, model: Model) -> Traits:
        """The traits of `model`."""
        models = _models_in(model)
        ignored = [type(each).unsupported_settings for each in models]
        profiles: list[Any] = [each.profile for each in models]
        return cls(
            ignored=frozenset().union(*ignored, *map(_ignored_by, profiles)),
            may_retry=any(RETRIES in each for each in ignored),
            obeys=any(RETRIES not in each for each in ignored),
            refused=frozenset().union(*map(_refused_by, profiles)),
            streams=all(map(_streams, models)),
            tells_end=all(map(_tells_end, models)),
        )


def _models_in(model: Model) -> list[Model]:
    """The models that send the requests: those in a wrapper or a `FallbackModel`, or `model` itself."""
    if isinstance(model, WrapperModel):
        return _models_in(model.wrapped)
    if isinstance(model, FallbackModel):
        return [each for one in model.models for each in _models_in(one)]
    return [model]


def _streams(model: Model) -> bool:
    """True unless its class cannot, or it is a `FunctionModel` without a function for that."""
    can = type(model).request_stream is not Model.request_stream
    return can and getattr(model, "stream_function", can) is not None


def _tells_end(model: Model) -> bool:
    """True for pydantic-ai's own models of a server; users' models need not report finish reasons."""
    return model.provider is not None and any(
        kind.__module__.startswith("pydantic_ai.models.") for kind in type(model).__mro__
    )


def _ignored_by(profile: Any) -> set[str]:
    ignored = set(profile.get("openai_unsupported_model_settings", ()))
    if not (profile.get("supports_thinking") or profile.get("thinking_always_enabled")):
        ignored.add("thinking")
    if not profile.get("supports_cache"):
        ignored.add("cache")
    return ignored


def _refused_by(profile: Any) -> set[type]:
    refused: set[type] = {kind for kind, flag in FLAGS.items() if not profile.get(flag, True)}
    if PDF not in profile.get("supported_document_media_types", (PDF,)):
        refused.add(Document)
    return refused

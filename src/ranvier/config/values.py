"""What the values of a file may be beside plain data: names of targets, of objects, and of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

SETTINGS = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, protected_namespaces=())
"""Of every table: no unknown keys, no conversions, and no values in errors."""

SECRET_WORDS = ("key", "token", "secret", "password")
"""The last word of a name of a str that is never written in a file."""


class TargetName(str):
    """A target: `provider/model`, or a provider for its default model."""

    __slots__ = ()


class ProviderName(str):
    """A provider, by its name in the file or its vendor."""

    __slots__ = ()


Target = Annotated[str, AfterValidator(TargetName), Field(description="`provider/model`, or `provider`")]
ProviderByName = Annotated[str, AfterValidator(ProviderName), Field(description="The name of a provider")]


class Imported(BaseModel):
    """An object of your code: `{ import = "package.module:name" }`; only with `imports=True`."""

    model_config = SETTINGS
    path: str = Field(alias="import", pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")


class Secret(BaseModel):
    """A text from elsewhere: `{ env = "NAME" }` or `{ command = ["program", "argument"] }`.

    A secret is given in no other way; any other text may be.
    """

    model_config = SETTINGS
    env: str | None = Field(None, min_length=1, description="An environment variable.")
    command: list[str] | None = Field(None, min_length=1, description="A command that prints it.")

    @model_validator(mode="before")
    @classmethod
    def _is_no_secret(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise PydanticCustomError(
                "inline_secret",
                'a file holds no secrets: write { env = "NAME" } or { command = ["..."] }',
            )
        return value

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.env is None) == (self.command is None):
            raise PydanticCustomError("secret_source", "give env or command, one of them")
        return self


def holds_secret(name: str) -> bool:
    """True if a str with this name is a secret."""
    return name.rpartition("_")[2] in SECRET_WORDS

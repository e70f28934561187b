"""Values of a file other than plain data: names of targets, of imported objects, and of secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from pydantic.config import JsonDict

SETTINGS = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True, protected_namespaces=())
"""The settings of every table: no unknown keys, no conversions, and no values in errors."""

NO_SECRETS = 'a file holds no secrets: write { env = "NAME" } or { command = ["..."] }'

SECRET_NAME = re.compile(
    re.sub(
        "[a-z]",
        lambda letter: f"[{letter[0]}{letter[0].upper()}]",  # the schema has no other way to say any case
        r"(^|[-_]|api|access|auth)(key|token|secret|password)$|^(proxy-)?authorization$|^cookie$",
    )
)
"""Names of parameters, headers and query parameters whose values are secrets, never written in a file."""


class TargetName(str):
    """A target: `provider/model`, or a provider for its default model."""

    __slots__ = ()


class ProviderName(str):
    """A provider, by its name in the file or its vendor."""

    __slots__ = ()


PASSWORD = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[^/?#@]*:[^/?#@]*@|.*[?&](?:[\w.-]*[-_])?(?:key|token|secret|password)=)",
    re.IGNORECASE,
)
"""A URL with a password, before the host or in the query."""


def _without_password(text: str) -> str:
    if PASSWORD.match(text):
        raise PydanticCustomError("inline_secret", NO_SECRETS)
    return text


Plain = Annotated[str, AfterValidator(_without_password)]
"""A text that is written in the file."""

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

    model_config = SETTINGS | ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["env"], "properties": {"env": {"type": "string"}}},
                {"required": ["command"], "properties": {"command": {"type": "array"}}},
            ]
        }
    )
    env: str | None = Field(None, min_length=1, description="An environment variable.")
    command: list[str] | None = Field(None, min_length=1, description="A command that prints it.")

    @model_validator(mode="before")
    @classmethod
    def _is_no_secret(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            raise PydanticCustomError("inline_secret", NO_SECRETS)
        return value

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if (self.env is None) == (self.command is None):
            raise PydanticCustomError("secret_source", "give env or command, one of them")
        return self


def holds_secret(name: str) -> bool:
    """True if a str with this name is a secret."""
    return SECRET_NAME.search(name) is not None


def texts_by_name(text: Any) -> Any:
    """The type of a table of texts, such as headers; secrets among them must not be written in the file."""
    rules: JsonDict = {
        "allOf": [{"patternProperties": {SECRET_NAME.pattern: {"type": "object"}}}],
        "propertyNames": {"not": {"const": "import"}},  # that is a function which makes such a table
    }
    checked = AfterValidator(_checked_names)
    return Annotated[dict[str, text], checked, Field(json_schema_extra=rules)]


def _checked_names(texts: dict[str, Any]) -> dict[str, Any]:
    if "import" in texts:
        raise PydanticCustomError("import_of_texts", "import names an object: give texts by their names")
    for name, text in texts.items():
        if isinstance(text, str) and holds_secret(name):
            raise PydanticCustomError("inline_secret", "{name}: " + NO_SECRETS, {"name": f"{name:.60}"})
    return texts

"""The APIs of Azure, at a resource of an invented company."""

from functools import partial
from typing import Any

from ranvier.providers import Azure

TOKEN = "eyJhbGci.eyJhdWQi.c2ln"
"""A token by its form."""


class AtAcme(Azure):
    """A resource; the deployment is that of the default model."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__("https://acme.openai.azure.com", **arguments)


class ByKey(Azure):
    """The same with the parameters of the other providers; the base URL is the endpoint."""

    def __init__(self, api_key: str | None = None, *, base_url: str | None = None, **given: Any) -> None:
        super().__init__(base_url, api_key=api_key, **given)


def _with(name: str, **given: Any) -> type[AtAcme]:
    return type(name, (AtAcme,), {"__init__": lambda self, **more: AtAcme.__init__(self, **given, **more)})


_classic = partial(_with, api_version="2025-04-01-preview")

AZURE: dict[str, Any] = {
    "azure": AtAcme,
    "azure, responses": _with("Responses", api="responses"),
    "azure, classic": _classic("Classic"),
    "azure, classic responses": _classic("ClassicResponses", api="responses"),
}

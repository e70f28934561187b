"""Vertex AI: Gemini and Claude, with the projects of Google Cloud.

    Gemini    generateContent           {host}/v1beta1/projects/{p}/locations/{l}/publishers/google/models/...
    Claude    Anthropic's Messages API  {host}/v1/projects/{p}/locations/{l}/publishers/anthropic/models/...

The model of a target selects the API. A request has a token of Google's, or an API key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Never, Self

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.native import account_of
from ranvier.provider_remedies import unknown_argument_of
from ranvier.providers._models.ids import bare
from ranvier.providers._models.models import Facts, is_known
from ranvier.providers._tokens.adapter import TokenAdapter
from ranvier.providers._tokens.source import TokenSource
from ranvier.providers.gemini.adapter import method, resource
from ranvier.providers.gemini.wire import GenerateContent
from ranvier.providers.vertex.claude import VERSION, ClaudeAtVertex
from ranvier.providers.vertex.google import DefaultCredentials
from ranvier.providers.vertex.location import (
    EVERYWHERE,
    PROJECT,
    checked_location,
    checked_project,
    path_of,
    url_of,
)

if TYPE_CHECKING:
    import ssl

    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.providers._http.engines import EngineName
    from ranvier.providers._wire.additions import Given
    from ranvier.providers._wire.wire import Wire

ANTHROPIC: Final = "anthropic"
GEMINI: Final = "gemini"


class Vertex(GenerateContent, TokenAdapter):
    """Gemini and Claude by Vertex AI: `Vertex("acme-prod", "europe-west1")`.

    A model whose id begins with `claude` gets Anthropic's Messages API, and every other one Gemini's. An id
    may have a version, as in `claude-sonnet-4-5@20250929`: the facts are those of the plain name. Reasoning
    is returned to the project that it was issued to.

    Args:
        project: The id of a project of Google Cloud; `None` reads `GOOGLE_CLOUD_PROJECT`.
        location: `"global"`, a region such as `"europe-west1"`, or one of the multi-regions `"us"` and
            `"eu"`; `None` reads `GOOGLE_CLOUD_LOCATION`, and else means global.
        token: A plain or async function without arguments that returns an access token: a `str`, `(token,
            expiry)`, or an object with both. It is called in a thread unless it is async, once for all calls
            that wait; again before the token expires, and once after a 401. `None` uses the application
            default credentials, by google-auth (`pip install 'ranvier[vertex]'`).
        api_key: An API key in place of tokens; it needs no project for Gemini.
        quota_project: The project that the requests count against, if it is another one.
        anthropic_version: The version of Claude's API.
        base_url: The URL of another host, such as a private endpoint; `None` means that of the location.

    `name`, `headers`, `params`, `http_client`, `engine`, `ssl_context` and `max_connections` are as for every
    provider: see `Adapter`.

    Raises:
        ConfigurationError: an argument is invalid, or there is no project.
    """

    family = "vertex"
    default_model = "gemini-3.6-flash"
    default_base_url = url_of(EVERYWHERE)

    def __init__(
        self,
        project: str | None = None,
        location: str | None = None,
        *,
        token: Callable[[], Any] | None = None,
        api_key: str | None = None,
        quota_project: str | None = None,
        anthropic_version: str = VERSION,
        base_url: str | None = None,
        name: str | None = None,
        headers: Given | None = None,
        params: Given | None = None,
        http_client: Any = None,
        engine: EngineName = "auto",
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = 1000,
        **unknown: Never,
    ) -> None:
        self._api_key, self._headers, self._params = api_key, headers, params
        mistake = next(iter(unknown), None)
        del api_key, headers, params, unknown  # as in `Adapter`: a traceback might show a key
        if mistake is not None:
            raise unknown_argument_of(type(self), mistake)
        self.project, self.location = checked_project(project), checked_location(location)
        self._quota_project = (
            None if quota_project is None else checked_project(quota_project, "quota_project")
        )
        self._has_key = self._api_key is not None
        self._below = path_of(self.project, self.location)
        super().__init__(
            self._api_key,
            base_url=base_url,
            name=name,
            headers=self._headers,
            params=self._params,
            http_client=http_client,
            engine=engine,
            ssl_context=ssl_context,
            max_connections=max_connections,
        )
        self._claude = ClaudeAtVertex(
            self, self._below, validation.identifier("anthropic_version", anthropic_version)
        )
        self._choose_credential(token)

    def _choose_credential(self, token: Callable[[], Any] | None) -> None:
        if self._has_key and token is not None:
            raise ConfigurationError("api_key and token are both given: give one of them")
        if not self._has_key and self.project is None:
            raise ConfigurationError(f"Vertex(project=...): give the id of a project, or set {PROJECT}")
        if token is None and not self._has_key and self.needs_credential:
            token = DefaultCredentials()
        if token is not None:
            self.use_tokens(TokenSource("token", token, account=self._account))

    # --- the target ------------------------------------------------------------------------------

    @property
    def wires(self) -> tuple[str, ...]:
        """That of Gemini; `wire_for` chooses that of Claude."""
        return (GEMINI,)

    @property
    def addresses(self) -> tuple[str, ...]:
        """The names by which an `extra` may address Gemini at Vertex."""
        return GEMINI, self.family, self.name

    def moved_to(self, base_url: str) -> Self:
        """The same provider at the endpoint of a tenant's own."""
        moved = super().moved_to(base_url)
        moved._claude = self._claude.served_by(moved)
        return moved

    def wire_for(self, call: Call) -> Wire:
        """The API of the model."""
        return self if self.facts(call).provider == GEMINI else self._claude

    def speaks(self, wire: str, model: str) -> bool:
        """True for Gemini; a request for Claude would need another path and another body here."""
        return wire == facts_of(model).provider == GEMINI

    def facts_at(self, target: Deployment) -> Facts:
        """The vendor and the plain name of the model."""
        return facts_of(target.facts_of or target.model)

    def knows_model(self, model: str) -> bool:
        """True if the table of models lists what that model accepts."""
        return is_known(*facts_of(model))

    # --- the request -----------------------------------------------------------------------------

    def resolved_base_url(self, base_url: str | None) -> str:
        """`base_url`, else that of the location."""
        return url_of(self.location) if base_url is None else base_url

    @property
    def matches_by_order(self) -> bool:
        """True, whatever the host is."""
        return True

    def path(self, model: str, streaming: bool) -> str:
        """The project, the model and the method."""
        return f"/v1beta1{self._below}/{resource(model, 'publishers/google/models/')}{method(streaming)}"

    def headers(self, key: str | None) -> dict[str, str]:
        """The API key or a tenant's own token, and the project to count against; `tokens` adds its own."""
        headers = {} if self._quota_project is None else {"x-goog-user-project": self._quota_project}
        if self.sends(key):
            headers |= {"x-goog-api-key": str(key)} if self._has_key else {"authorization": f"Bearer {key}"}
        return headers

    def account_for(self, key: str | None) -> str:
        """The project, whichever token was used; the key where there is none."""
        return super().account_for(key) if self.project is None else account_of(self._account)

    @property
    def _account(self) -> str:
        return f"{self.family}/{self.project}"


def facts_of(model: str) -> Facts:
    """The vendor and the plain name of a model: `claude-sonnet-4-5@20250929` is `claude-sonnet-4-5`."""
    name = model.partition("@")[0]
    return Facts(ANTHROPIC if bare(name).startswith("claude") else GEMINI, name)

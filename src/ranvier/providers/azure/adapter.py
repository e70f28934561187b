"""Azure OpenAI: deployments of models in a resource of your own.

    v1         {endpoint}/openai/v1/chat/completions, and /responses
    classic    {endpoint}/openai/deployments/{deployment}/chat/completions?api-version=...
               {endpoint}/openai/responses?api-version=...

The model of a target is the name of a deployment. A request has a key, or a token of Microsoft Entra ID.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Never
from urllib.parse import quote

from ranvier.errors.configuration import ConfigurationError
from ranvier.provider_remedies import unknown_argument_of
from ranvier.providers._models.models import is_known
from ranvier.providers._tokens.adapter import TokenAdapter
from ranvier.providers._tokens.source import TokenSource
from ranvier.providers.azure.endpoint import checked_version, endpoint_of
from ranvier.providers.chat_completions.openai import Api, OpenAI
from ranvier.providers.responses.wire import Responses

if TYPE_CHECKING:
    import ssl

    from ranvier.pipeline.deployment import Deployment
    from ranvier.providers._http.engines import EngineName
    from ranvier.providers._wire.additions import Given

NAME: Final = "azure"


class Azure(OpenAI, TokenAdapter):
    """Azure OpenAI: `Azure("https://acme.openai.azure.com", deployments={"chat": "gpt-5.2"})`.

    The model of a target is the name of a deployment: `Deployment(azure, "chat")`, or `"azure/chat"`.

    Args:
        endpoint: The URL of the resource; `None` reads `AZURE_OPENAI_ENDPOINT`.
        api_version: A dated version such as `"2025-04-01-preview"` selects the classic paths; `"v1"` those
            without a version. `None` reads `OPENAI_API_VERSION`, and else means `"v1"`.
        api_key: A key of the resource; `None` reads `AZURE_OPENAI_API_KEY`, then a token from
            `AZURE_OPENAI_AD_TOKEN`. A token is recognized by its form, and sent as a bearer token.
        token: A plain or async function without arguments that returns a token of Microsoft Entra ID, such as
            azure-identity's `get_bearer_token_provider(...)`: a `str`, `(token, expiry)`, or an object with
            both. It is called in a thread unless it is async, once for all calls that wait; again before the
            token expires, and once after a 401.
        deployments: The public id of the model of each deployment, by its name: requests contain what that
            model supports. Where a deployment is missing, the errors of the server tell.
        api: `"responses"` speaks the Responses API; `"auto"` and `"chat"` speak chat completions, which all
            models there have.

    `name`, `headers`, `params`, `http_client`, `engine`, `ssl_context` and `max_connections` are as for every
    provider: see `Adapter`.

    Raises:
        ConfigurationError: an argument is invalid, or there is no endpoint.
    """

    environment = ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN")

    def __init__(
        self,
        endpoint: str | None = None,
        api_version: str | None = None,
        *,
        api_key: str | None = None,
        token: Callable[[], Any] | None = None,
        deployments: Mapping[str, str] | None = None,
        api: Api = "auto",
        name: str = NAME,
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
        if self._api_key is not None and token is not None:
            raise ConfigurationError("api_key and token are both given: give one of them")
        self.api_version = checked_version(api_version)
        self.deployments = _checked(deployments)
        self.default_model = next(iter(self.deployments), OpenAI.default_model)
        super().__init__(
            self._api_key,
            api=api,
            base_url=endpoint_of(endpoint),
            name=name,
            headers=self._headers,
            params=self._params,
            http_client=http_client,
            engine=engine,
            ssl_context=ssl_context,
            max_connections=max_connections,
        )
        if token is not None:
            self.use_tokens(TokenSource("token", token, account=f"azure/{self.base_url}"))

    # --- the target ------------------------------------------------------------------------------

    def resolved_base_url(self, base_url: str | None) -> str:
        """The part of each URL that all its paths have."""
        endpoint = super().resolved_base_url(base_url).rstrip("/")
        self._is_azure, self._is_own_host, self._vendor, self.needs_credential = True, False, "", True
        resource = endpoint.removesuffix("/v1").removesuffix("/openai")
        return f"{resource}/openai/v1" if self.api_version is None else f"{resource}/openai"

    def known_as(self, target: Deployment) -> str | None:
        """The public id of the model, by the target or by `deployments`."""
        return super().known_as(target) or self.deployments.get(target.model)

    # --- the request -----------------------------------------------------------------------------

    @property
    def query(self) -> str:
        """The version, which the classic paths require."""
        return "" if self.api_version is None else f"?api-version={self.api_version}"

    def path(self, model: str, streaming: bool) -> str:
        """Chat completions, on the classic path of a deployment if there is a version."""
        if self.api_version is None:
            return super().path(model, streaming)
        if model in (".", ".."):
            raise ConfigurationError(f"model={model!r}: give the name of a deployment")
        return f"/deployments/{quote(model, safe='')}{super().path(model, streaming)}{self.query}"

    def responses(self) -> Responses:
        """The Responses API, whose model is in the body."""
        return ResponsesAtAzure(self)

    def headers(self, key: str | None) -> dict[str, str]:
        """A key or a token, never both; `tokens` adds its own."""
        if key is None or not self.sends(key):
            return {}
        return super().headers(key) if _is_token(key) else {"api-key": key}


class ResponsesAtAzure(Responses):
    """The Responses API of Azure, with a version on its classic path."""

    def __init__(self, server: Azure) -> None:
        super().__init__(server, server.repairs_of_responses)
        self._query = server.query

    def path(self, model: str, streaming: bool) -> str:
        """The same for every model, streamed or not."""
        return super().path(model, streaming) + self._query


def _is_token(key: str) -> bool:
    """True for a token of Microsoft Entra ID, a JWT, which no key of Azure's looks like."""
    return key.startswith("eyJ") and key.count(".") == 2


def _checked(deployments: object) -> dict[str, str]:
    if deployments is None:
        return {}
    if not isinstance(deployments, Mapping):
        raise ConfigurationError(
            f"deployments is a {type(deployments).__name__}: give a dict, {{'my-name': 'gpt-5.2'}}"
        )
    for name, model in deployments.items():
        if not (isinstance(name, str) and isinstance(model, str) and is_known(OpenAI.family, model)):
            raise ConfigurationError(
                f"deployments[{name!r:.80}]={model!r:.80}: give the public id of a known model, such as "
                f"{OpenAI.default_model!r}, or leave it out and rely on the errors of the server"
            )
    return dict(deployments)

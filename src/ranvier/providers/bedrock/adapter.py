"""Amazon Bedrock.

    Claude             Anthropic's Messages API    {base}/anthropic/v1/messages
    all other models   Converse                    {base}/model/{id}/converse
    on request         chat completions, Responses {base}/openai/v1/...

A request has an API key as a bearer token, else a signature by AWS credentials.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, Never, Self, get_args

from ranvier import validation
from ranvier.errors.configuration import ConfigurationError
from ranvier.messages.native import CONVERSE
from ranvier.provider_remedies import unknown_argument_of
from ranvier.providers._models.models import Facts, is_known
from ranvier.providers._repairs.repairs import Repairs
from ranvier.providers._tokens.adapter import TokenAdapter
from ranvier.providers._wire.adapter import Adapter
from ranvier.providers._wire.additions import Given
from ranvier.providers.bedrock.hosts import SERVICES, Endpoint, checked_region, url_of
from ranvier.providers.bedrock.models import facts_of_id, is_claude
from ranvier.providers.bedrock.signing import BedrockTokens, Signatures
from ranvier.providers.bedrock.wires import ChatAtBedrock, MessagesAtBedrock, ResponsesAtBedrock
from ranvier.providers.converse.wire import Converse

if TYPE_CHECKING:
    import ssl

    from ranvier.pipeline.call import Call
    from ranvier.pipeline.deployment import Deployment
    from ranvier.providers._http.engines import EngineName
    from ranvier.providers._wire.wire import Wire

Api = Literal["auto", "messages", "converse", "responses", "chat"]

WIRES: Final[Mapping[str, Callable[..., Wire]]] = {
    "messages": MessagesAtBedrock,
    "responses": ResponsesAtBedrock,
    "chat": ChatAtBedrock,
}
"""The wires of other makers."""


class Bedrock(Converse, TokenAdapter):
    """Models of many makers, by Amazon Bedrock: `Bedrock("us-east-1")`.

    `api="auto"` speaks Anthropic's Messages API with Claude, and Converse with all other models. The others
    speak one API only: `"messages"`, `"converse"`, `"responses"` or `"chat"` (chat completions).

    The model of a target is its id on Bedrock, with the region in front where it has one
    (`us.anthropic.claude-sonnet-4-5-20250929-v1:0`), or the ARN of a profile. The parameters that it accepts
    follow from the id; for an ARN that names no model, from `Deployment(..., facts_of="claude-sonnet-5")`.

    Args:
        region: The region of AWS; `None` reads `AWS_REGION` or `AWS_DEFAULT_REGION`.
        api: The API to speak.
        endpoint: `"runtime"` is `bedrock-runtime.{region}.amazonaws.com`; `"mantle"` is
            `bedrock-mantle.{region}.api.aws`, whose ids have neither region nor version, and which does not
            speak Converse.
        api_key: An API key of Bedrock; `None` reads `AWS_BEARER_TOKEN_BEDROCK`. Without one, requests are
            signed with the credentials that botocore finds, which needs the extra: `ranvier[bedrock]`.
        token: A function without arguments that returns a short-term API key, or `(key, expiry)`; it is
            called again before the key expires.
        profile: The profile of AWS whose credentials sign requests, whatever the environment has.
        base_url: The URL of the endpoint, such as that of a VPC; `None` means the region's own.

    `name`, `headers`, `params`, `http_client`, `engine`, `ssl_context` and `max_connections` are as for every
    provider: see `Adapter`.

    Raises:
        ConfigurationError: an argument is invalid, or there is no region.
    """

    family = "bedrock"
    environment = ("AWS_BEARER_TOKEN_BEDROCK",)
    default_model = "global.amazon.nova-2-lite-v1:0"
    default_base_url = ""  # that of the endpoint in the region
    _prefers_key = False

    def __init__(
        self,
        region: str | None = None,
        *,
        api: Api = "auto",
        endpoint: Endpoint = "runtime",
        api_key: str | None = None,
        token: Callable[[], Any] | None = None,
        profile: str | None = None,
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
        self.region = checked_region(region)
        self.endpoint = validation.choice("endpoint", endpoint, get_args(Endpoint))
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
        self._api = validation.choice("api", api, get_args(Api))
        if self._is_mantle and self._api == "converse":
            raise ConfigurationError(
                "api='converse': the endpoint 'mantle' does not speak it: choose 'runtime'"
            )
        self._repairs_of = {each: Repairs() for each in WIRES}
        self._get_access(token, profile)

    def _get_access(self, token: Callable[[], Any] | None, profile: str | None) -> None:
        given = {"api_key": self._api_key, "token": token, "profile": profile}
        if len(named := [name for name, value in given.items() if value is not None]) > 1:
            raise ConfigurationError(f"{' and '.join(named)} are given: give only one of them")
        if profile is not None:
            validation.identifier("profile", profile)
        if token is not None:
            self.use_tokens(BedrockTokens("token", token, account=f"{self.name} token"))
        elif self._api_key is None and self.needs_credential:
            self._prefers_key = profile is None
            service = SERVICES[self.endpoint]
            self.use_tokens(Signatures(profile, self.region, service))

    def credential(self) -> str | None:
        """An API key, that of the environment read now; else what stands for `token` or for signatures."""
        key = Adapter.credential(self) if self._prefers_key else None
        return super().credential() if key is None else key

    @property
    def _is_mantle(self) -> bool:
        return self.endpoint == "mantle"

    def resolved_base_url(self, base_url: str | None) -> str:
        """`base_url`, else that of the endpoint in the region."""
        usual = self.default_base_url or url_of(self.endpoint, self.region)
        return usual if base_url is None else base_url

    def moved_to(self, base_url: str) -> Self:
        """The same provider at the endpoint of a tenant's own."""
        moved = super().moved_to(base_url)
        moved._repairs_of = {each: Repairs() for each in WIRES}
        return moved

    def wire_for(self, call: Call) -> Wire:
        """The API that carries the request of `call`."""
        api = self._api
        if api == "auto":
            api = "messages" if is_claude(self.facts(call)) else "chat" if self._is_mantle else "converse"
        if api == "converse":
            return self
        return WIRES[api](self, self._repairs_of[api], mantle=self._is_mantle)

    def facts_at(self, target: Deployment) -> Facts:
        """The vendor and the model of the id."""
        return facts_of_id(target.facts_of or target.model)

    def headers(self, key: str | None) -> dict[str, str]:
        """The API key as a bearer token."""
        return {"authorization": f"Bearer {key}"} if self.sends(key) else {}

    def knows_model(self, model: str) -> bool:
        """True if the table of models lists what that model accepts."""
        vendor, name = facts_of_id(model)
        return is_known(CONVERSE, name) or is_known(vendor, name)

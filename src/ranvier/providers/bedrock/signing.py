"""Access to Bedrock without an API key: signatures of AWS, version 4, by botocore.

The credentials come from botocore's chain: environment, files, SSO, roles, the metadata of a machine. It may
block for seconds, so it runs in a thread, once for all calls that wait, and again before they expire.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from ranvier.errors.rejected import CredentialUnusableError
from ranvier.providers._tokens.source import TokenSource
from ranvier.providers._tokens.token import Token

if TYPE_CHECKING:
    from datetime import datetime

    from botocore.awsrequest import AWSRequest

    from ranvier.pipeline.call import Call
    from ranvier.providers._http.port import HttpReply, HttpRequest

EXPIRED: Final = ("ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException")
"""The classes of errors that newer credentials may get around; AWS sends them with a 403."""

SIGNED: Final = "content-type"
"""The header that is signed, beside those that every signature needs."""

ADDED: Final = ("authorization", "x-amz-date", "x-amz-security-token")
"""The headers of a signature."""


@cache
def has_botocore() -> bool:
    """True if botocore is installed."""
    return find_spec("botocore") is not None


class BedrockTokens(TokenSource):
    """Bearer tokens: short-term API keys of Bedrock."""

    def is_rejected_by(self, reply: HttpReply) -> bool:
        """True for a 401, and for the 403 that AWS sends instead."""
        named = reply.headers.get("x-amzn-errortype", "").partition(":")[0]
        return reply.status == 401 or named in EXPIRED


class Signatures(BedrockTokens):
    """Signs each request; the token is the credentials, packed into one text.

    Args:
        profile: A profile in the files of AWS; `None` means the default chain.
        region: The region of the endpoint.
        service: The name of the endpoint's service.
    """

    def __init__(self, profile: str | None, region: str, service: str) -> None:
        chain = CredentialChain(profile)
        super().__init__("profile", chain, account=f"aws {profile or ''}".strip())
        self._region = region
        self._service = service

    async def prepared(self, call: Call, request: HttpRequest) -> HttpRequest:
        """`request` with a signature, unless the key of `call` is an API key.

        Raises:
            CredentialUnusableError: botocore is not installed.
            CredentialLookupError: there are no credentials.
        """
        if call.credential == self.handle and not has_botocore():
            raise CredentialUnusableError(
                f"{call.deployment.provider.name} has no API key, and signatures need botocore: set "
                'AWS_BEARER_TOKEN_BEDROCK, or pip install "ranvier[bedrock]"'
            )
        return await super().prepared(call, request)

    def put(self, request: HttpRequest, token: Token) -> HttpRequest:
        """`request` with a signature.

        Raises:
            CredentialUnusableError: the request cannot be signed with these credentials.
        """
        from botocore.awsrequest import AWSRequest  # because: it is an extra

        headers = {name: value for name, value in request.headers.items() if name == SIGNED}
        written = AWSRequest("POST", request.url, headers=headers, data=request.body)
        if not _sign(written, token, self._service, self._region):
            raise CredentialUnusableError(f"the credentials of {self!r} cannot sign a request")
        return request.adding(
            headers={name: written.headers[name] for name in ADDED if name in written.headers}
        )

    def bears(self, request: HttpRequest, token: Token) -> bool:
        """True if `request` is signed with these credentials."""
        key, _, session = _unpacked(token)
        same = f"Credential={key}/" in request.headers.get("authorization", "")
        return same and request.headers.get("x-amz-security-token") == session


class CredentialChain:
    """Looks for credentials as botocore does, anew each time: keys in a file may have been replaced."""

    def __init__(self, profile: str | None) -> None:
        self.__qualname__ = profile or "default"  # its name in errors
        self._profile = profile

    def __call__(self) -> tuple[str, datetime | None]:
        """The credentials in one text, and when they expire, if they do; it may block.

        Raises:
            Exception: botocore finds none.
        """
        import botocore.auth
        import botocore.awsrequest  # noqa: F401  # because: these imports take a while, too
        from botocore.exceptions import NoCredentialsError
        from botocore.session import Session

        credentials = Session(profile=self._profile).get_credentials()
        if credentials is None:
            raise NoCredentialsError
        frozen = credentials.get_frozen_credentials()
        packed = ":".join((frozen.access_key, frozen.secret_key, frozen.token or ""))
        return packed, getattr(credentials, "_expiry_time", None)  # those without one are asked again soon


def _unpacked(token: Token) -> tuple[str, str, str | None]:
    """The id of the access key, the secret, and the session's token."""
    key, secret, session = token.value.split(":", 2)
    return key, secret, session or None


def _sign(written: AWSRequest, token: Token, service: str, region: str) -> bool:
    """Sign in place; false if that fails. It must not raise: a traceback would show the secret."""
    from botocore.auth import SigV4Auth
    from botocore.credentials import Credentials

    try:
        SigV4Auth(Credentials(*_unpacked(token)), service, region).add_auth(written)
    except Exception:
        return False
    return True

"""Checks a signature of AWS, version 4, as its services do.

The simulator knows the secret of every access key: `secret_of` derives it from the id.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote

from ranvier.simulator.wires.reading import Sent, Unacceptable

_AUTHORIZATION: Final = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>[^,]+), ?"
    r"SignedHeaders=(?P<signed>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)


def secret_of(access_key: str) -> str:
    """The secret access key that belongs to the id `access_key`."""
    return f"secret-of-{access_key}"


def access_key_in(headers: Mapping[str, str]) -> str | None:
    """The id of the access key that signed a request."""
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    return found and found["key"]


def check_signature(sent: Sent, *, service: str) -> None:
    """Raise `Unacceptable` if the signature is not one of `service` for this very request."""
    found = _AUTHORIZATION.fullmatch(sent.headers.get("authorization", ""))
    if found is None:
        raise Unacceptable(403, "auth", message="Missing Authentication Token")
    day, _, rest = found["scope"].partition("/")
    region, _, of_service = rest.partition("/")
    if of_service != f"{service}/aws4_request":
        named = of_service.partition("/")[0]
        raise _wrong(f"Credential should be scoped to correct service: '{service}', not '{named}'.")
    signed = found["signed"].split(";")
    if missing := {"host", "x-amz-date"} - set(signed):
        raise _wrong(f"these headers must be signed: {', '.join(sorted(missing))}")
    if not sent.headers.get("x-amz-date", "").startswith(day):
        raise _wrong("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date")
    scope = f"{day}/{region}/{of_service}"
    key = _key(secret_of(found["key"]), day, region, service)
    text = "\n".join(("AWS4-HMAC-SHA256", sent.headers["x-amz-date"], scope, _hash(_canonical(sent, signed))))
    if not hmac.compare_digest(_hmac(key, text).hex(), found["signature"]):
        raise _wrong(
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details."
        )


def _canonical(sent: Sent, signed: list[str]) -> bytes:
    """The request in the form that is signed."""
    headers = "".join(f"{name}:{' '.join(sent.headers.get(name, '').split())}\n" for name in signed)
    query = "&".join(
        sorted(
            f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in parse_qsl(sent.query)
        )
    )
    path = quote(sent.target or "/", safe="/~")
    body = hashlib.sha256(sent.content).hexdigest()
    return "\n".join(("POST", path, query, headers, ";".join(signed), body)).encode()


def _key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _wrong(message: str) -> Unacceptable:
    return Unacceptable(403, "auth", message=message, type="InvalidSignatureException")

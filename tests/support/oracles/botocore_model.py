"""Converse as botocore knows it: its service model reads answers and streams, and checks requests."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from typing import Any

ABSENT = "" if find_spec("botocore") else "botocore is not installed"


@cache
def service() -> Any:
    """The service model of Bedrock's runtime."""
    from botocore.session import Session

    return Session().get_service_model("bedrock-runtime")


def operation(*, streaming: bool = False) -> Any:
    """The model of Converse, whole or streamed."""
    return service().operation_model("ConverseStream" if streaming else "Converse")


def read_answer(body: bytes, status: int = 200, headers: Mapping[str, str] = {}) -> dict[str, Any]:
    """What botocore reads in the body of a whole answer, or of an error."""
    from botocore.parsers import RestJSONParser

    response = {"status_code": status, "headers": headers, "body": body}
    parsed: dict[str, Any] = RestJSONParser().parse(response, operation().output_shape)
    return parsed


def read_stream(content: bytes) -> list[dict[str, Any]]:
    """The events that botocore reads in a stream; it raises what an exception stands for."""
    from botocore.eventstream import EventStream
    from botocore.parsers import EventStreamJSONParser

    class Raw:
        def stream(self) -> list[bytes]:
            return [content]

    shape = operation(streaming=True).output_shape.members["stream"]
    return list(EventStream(Raw(), shape, EventStreamJSONParser(), "ConverseStream"))


def faults_of(model: str, body: dict[str, Any]) -> str:
    """What botocore finds wrong with a request: missing or unknown members, values of another type."""
    from botocore.validate import ParamValidator

    given = {"modelId": model, **_with_bytes(body)}
    report = ParamValidator().validate(given, operation().input_shape)
    return str(report.generate_report())


def written(model: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The path and the body that botocore writes for such a request."""
    import json

    from botocore.serialize import RestJSONSerializer

    request = RestJSONSerializer().serialize_to_request({"modelId": model, **_with_bytes(body)}, operation())
    return request["url_path"], json.loads(request["body"])


def _with_bytes(value: Any) -> Any:
    """A request with bytes where JSON has base64: botocore encodes them itself."""
    import base64

    if isinstance(value, list):
        return [_with_bytes(each) for each in value]
    if not isinstance(value, dict):
        return value
    decoded = ("bytes", "redactedContent")
    return {
        name: base64.b64decode(each) if name in decoded and isinstance(each, str) else _with_bytes(each)
        for name, each in value.items()
    }

"""GLM, with the API of Zhipu and Z.ai: numeric error codes, and tool calls in one piece."""

# ruff: noqa: D102  # because: overriding methods are documented where they are declared
# ruff: noqa: RUF001  # because: the provider's Chinese messages use full-width punctuation

from __future__ import annotations

import datetime
from typing import ClassVar

from ranvier.simulator.dialogue import Answer
from ranvier.simulator.wires.chat import ChatWire, Json
from ranvier.simulator.wires.reading import Sent, Unacceptable, invalid
from ranvier.simulator.wires.rules.conversation import unanswered
from ranvier.simulator.wires.rules.media import check_only

ROLES = ("system", "user", "assistant", "tool")

_BUSY = "This model is currently overloaded, 该模型当前访问量过大，请您稍后再试"


def _error(code: int, message: str) -> dict[str, str]:
    return {"code": str(code), "message": message}


class GLMWire(ChatWire):
    """Error codes are numbers in strings; a filtered answer has the finish reason `sensitive`."""

    name = "glm"
    suffix = "/api/paas/v4"
    whole_tool_calls = True
    finish_reasons: ClassVar = {"content_filter": "sensitive"}
    refusals: ClassVar = {
        (400, "invalid_request"): _error(1214, "messages 参数非法。请检查文档。"),
        (400, "context_length"): _error(1261, "Prompt 超长"),
        (400, "unsupported_parameter"): _error(1210, "API 调用参数有误，请检查文档。"),
        (400, "stream_refused"): _error(1210, "stream is not supported for this model"),
        (400, "content_filter"): _error(
            1301,
            "系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语，感谢您的配合。",
        ),
        (400, "model_not_found"): _error(1211, "模型不存在，请检查模型代码。"),
        (401, "auth"): _error(1000, "身份验证失败。"),
        (402, "quota_exhausted"): _error(
            1113, "Insufficient balance or no resource package. Please recharge."
        ),
        (403, "permission"): _error(1220, "您无权访问 {model}。"),
        (404, "model_not_found"): _error(1211, "模型不存在，请检查模型代码。"),
        (404, "not_found"): _error(404, "Not Found"),
        (408, "timeout"): _error(1234, "网络错误，错误id：simulated，请联系客服。"),
        (413, "too_large"): _error(1210, "API 调用参数有误，请检查文档。"),
        (429, "rate_limit"): _error(1302, "Rate limit reached for requests"),
        (429, "quota_exhausted"): _error(
            1113, "Insufficient balance or no resource package. Please recharge."
        ),
        (429, "overloaded"): _error(1305, _BUSY),
        (500, "server_error"): _error(1234, "网络错误，错误id：simulated，请联系客服。"),
        (503, "overloaded"): _error(1305, _BUSY),
        (504, "timeout"): _error(1234, "网络错误，错误id：simulated，请联系客服。"),
    }

    def without_key(self) -> Unacceptable:
        return Unacceptable(
            401, "auth", code="1001", message="Header中未收到Authentication参数，无法进行身份验证。"
        )

    def thinks(self, model: str, body: Json) -> bool:
        return model.startswith("glm") and (body.get("thinking") or {}).get("type") != "disabled"

    def check(self, sent: Sent, body: Json, model: str, messages: list[Json]) -> None:
        for message in messages:
            if message.get("role") not in ROLES:
                raise invalid("Incorrect role information")
            if message["role"] in ("system", "user") and not message.get("content"):
                raise invalid("未正常接收到prompt参数。", code="1213")
            check_only(("text", "image_url", "video_url", "file_url"), message, code="1210")
        if unanswered(messages) is not None or messages[-1]["role"] == "system":
            raise Unacceptable(400, "invalid_request")
        if model.startswith("glm-5.3") and not self.thinks(model, body):
            raise Unacceptable(400, "unsupported_parameter")

    def head(self, answer: Answer, kind: str) -> Json:
        when = datetime.datetime.fromtimestamp(answer.created, datetime.UTC)
        unique = f"{when:%Y%m%d%H%M%S}{answer.seed:x}{answer.number:012x}"
        head = {"id": unique, "object": kind, "created": answer.created, "model": answer.model}
        return {**head, "request_id": unique} if kind == "chat.completion" else head

    def headers(self, unique: str) -> list[tuple[str, str]]:
        return [("x-log-id", unique), ("server", "nginx")]

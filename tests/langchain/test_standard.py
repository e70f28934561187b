"""The suites that LangChain has for chat models, over a pipeline."""

from __future__ import annotations

from typing import Any, Literal
from unittest.mock import Mock

import httpx
import pytest
from langchain_core.messages import AIMessage
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from ranvier import Pipeline
from ranvier.integrations.langchain import ChatRanvier
from ranvier.layers import Fallback, Retry
from support.langchain.compliant import compliant

PIXEL = b"\x89PNG\r\n\x1a\n and the rest"

KINDS = {".pdf": b"%PDF-1.7 and the rest", ".wav": b"RIFF    WAVE and the rest"}

DETAILS = ("reasoning_output", "cache_read_input", "cache_creation_input")


def _fetched(url: str, **_: Any) -> Mock:
    """A picture, or what the address ends like."""
    return Mock(content=next((data for end, data in KINDS.items() if url.endswith(end)), PIXEL))


class Ours:
    """What both suites are told of our class."""

    @property
    def chat_model_class(self) -> type[ChatRanvier]:
        return ChatRanvier

    @property
    def chat_model_params(self) -> dict[str, Any]:
        pipeline = Pipeline(Fallback(compliant("first"), compliant("second")), Retry(), listeners=())
        return {"pipeline": pipeline}

    @property
    def model_override_value(self) -> str:
        return "second"

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_image_tool_message(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_pdf_tool_message(self) -> bool:
        return True

    @property
    def supports_audio_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Any]]:
        return {"invoke": list(DETAILS), "stream": list(DETAILS)}


class TestUnit(Ours, ChatModelUnitTests):
    """Without a provider."""

    @property
    def standard_chat_model_params(self) -> dict[str, Any]:
        """Without `max_retries` and `api_key`, which belong to layers and providers: they are rejected."""
        return {"temperature": 0, "max_tokens": 100, "timeout": 60, "stop": []}


class TestIntegration(Ours, ChatModelIntegrationTests):
    """With a provider that does what they ask for."""

    @pytest.fixture(autouse=True)
    def network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Something of ours in place of what they would fetch."""
        monkeypatch.setattr(httpx, "get", _fetched)
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "ranvier")

    def _any_answer(self, *, stream: bool = False) -> AIMessage:
        model = self.chat_model_class(**self.chat_model_params)
        if not stream:
            return model.invoke("Hello")
        first, *others = model.stream("Hello")
        return first + others

    invoke_with_reasoning_output = _any_answer
    invoke_with_cache_read_input = _any_answer
    invoke_with_cache_creation_input = _any_answer


class TestIntegrationByJson(TestIntegration):
    """The same, where structured answers are those of the pipeline and no calls of tools."""

    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema"}

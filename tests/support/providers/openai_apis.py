"""OpenAI by each of its two APIs, whichever host it is asked at."""

from typing import Any

from ranvier.providers import OpenAI


class Chat(OpenAI):
    """By chat completions."""

    def __init__(self, api_key: str | None = None, **given: Any) -> None:
        super().__init__(api_key, api="chat", **given)


class Responses(OpenAI):
    """By the Responses API, under a name of its own."""

    def __init__(self, api_key: str | None = None, *, name: str = "responses", **given: Any) -> None:
        super().__init__(api_key, api="responses", name=name, **given)

"""Every code block of the page on answers in a form runs as it stands there, one after the other."""

import ast
import inspect
import json
import re
from pathlib import Path
from typing import Any

import pytest

from ranvier import Pipeline, Response, ToolCall
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.pipeline import Call
from ranvier.providers import FunctionProvider

PAGE = Path(__file__).parents[2] / "docs" / "structured-answers.md"
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

DISCOVERY = '{"person": "Louis-Antoine Ranvier", "year": 1878, "found": ["nodes"]}'
PLACE = '{"city": "La Paz", "height": 3640}'
COAT = '{"person": "you", "year": null, "found": ["no coat"]}'


def blocks(language: str = "python") -> list[str]:
    """What the page says in that language."""
    return [code for named, code in FENCED.findall(PAGE.read_text(encoding="utf-8")) if named == language]


async def model(call: Call) -> Response | str:
    """Answers the questions of the page, as a model might."""
    question, last = call.request.messages[0].text, call.request.messages[-1]
    if "coat" in question and last.role == "user":
        return Response("", (ToolCall("c1", "weather", {"city": "Lyon"}), ToolCall("c2", "tides", {})))
    if "coat" in question:
        return COAT
    if "as you like" in question:
        return (
            PLACE if last.text.startswith("Your answer did not fit") else '{"city": "Oslo", "height": "low"}'
        )
    return f"Here it is:\n```json\n{PLACE}\n```" if "highest" in question else DISCOVERY


async def execute(code: str, names: dict[str, Any]) -> None:
    """Run code that may await at its top level, in these names."""
    result = eval(compile(code, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), names)
    if inspect.iscoroutine(result):
        await result


@pytest.mark.virtual_time
async def test_the_page_runs_from_its_beginning_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    """With a model that answers as the page says, every block says what the page says."""
    provider = FunctionProvider("model", model)
    pipeline = Pipeline(Deadline(60), Fallback(provider), Retry(), Breaker(), Timeout())
    names: dict[str, Any] = {"__name__": "page", "pipeline": pipeline}
    printed = []
    for code in blocks():
        await execute(code, names)
        printed.append(capsys.readouterr().out)
    mismatch = blocks("")[0].replace("model/small", "model/model")
    person = "person='Louis-Antoine Ranvier' year=1878 found=['nodes']\n"
    assert printed == [
        "Louis-Antoine Ranvier 1878\n",
        "La Paz\n",
        mismatch,
        "['invalid_response', 'succeeded']\n",
        DISCOVERY + person,
        "person='you' year=None found=['no coat']\n",
    ]
    assert [message.role for message in names["history"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
    ]
    results = [part for message in names["history"][2:4] for part in message.parts]
    assert [(result.content, result.is_error) for result in results] == [
        ("18 C and clear in Lyon", False),
        ("there is no tool tides", True),
    ]
    assert json.loads(names["answer"].text) == json.loads(COAT)


def test_every_block_of_the_page_is_one_that_is_tested() -> None:
    """Six of Python, and one of what an error says."""
    assert [len(blocks()), len(blocks(""))] == [6, 1]

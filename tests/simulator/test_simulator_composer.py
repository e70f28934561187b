"""Good answers, before any wire has put them into its shape."""

import pytest

from ranvier.simulator.composer import compose, example, tokens_of
from ranvier.simulator.dialogue import Ask


@pytest.mark.parametrize("text", ["", "one", "  two words ", "a\n\nb\tc\n", "nœud de Ranvier"])
def test_tokens_joined_are_the_text(text):
    """No blank is lost, wherever it stands."""
    assert "".join(tokens_of(text)) == text


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({}, {}),
        ({"properties": {"a": {"type": "integer"}, "b": {}}, "required": ["a"]}, {"a": 1}),
        ({"type": "object", "required": ["a"]}, {"a": "Zürich"}),
        ({"type": "array", "items": {"type": "number", "minimum": 2}}, [2]),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"enum": ["x", "y"]}, "x"),
        ({"const": 7}, 7),
        ({"type": ["string", "null"]}, "Zürich"),
    ],
)
def test_the_plainest_value_of_a_schema(schema, value):
    """Required properties only, the first of an enum, the least of a range."""
    assert example(schema) == value


def test_an_answer_is_made_of_question_and_seed():
    """The same question and seed give the same words; ids are told apart by the request's number."""
    one, two = (compose(Ask("openai", "k", "m", False, "Why?"), number=n, seed=5) for n in (1, 2))
    assert one.text == two.text
    assert one.id != two.id
    assert one.output_tokens == len(one.text) > 15

"""Good answers, before any wire has put them into its shape."""

import json

import jsonschema
import pytest

from ranvier.simulator.composer import compose, tokens_of
from ranvier.simulator.dialogue import Ask, Tool
from ranvier.simulator.example import example


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


TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["name", "next", "children"],
        }
    },
}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "minimum": 3},
        {"type": "integer", "exclusiveMinimum": 3},
        {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
        {"type": "integer", "maximum": -2},
        {"type": "integer", "exclusiveMaximum": 1},
        {"type": "integer", "minimum": 4, "multipleOf": 5},
        {"type": "string", "minLength": 30},
        {"type": "string", "maxLength": 2},
        {"type": "string", "pattern": "^[0-9-]{10}$"},
        {"type": "string", "pattern": "^[A-Z][0-9]$"},
        {"type": "array", "items": {"type": "null"}, "minItems": 3},
        {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}], "items": False},
        {"type": "array", "maxItems": 0},
        {"anyOf": [{"type": "integer", "minimum": 7}, {"type": "null"}], "description": "One {or} other"},
        {"oneOf": [{"const": "a"}, {"const": "b"}]},
        {"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "integer"}}, "required": ["b"]}]},
        {"type": ["null", "string"]},
        TREE,
    ],
    ids=lambda schema: json.dumps(schema)[:60],
)
def test_an_example_fits_its_schema(schema):
    """Bounds, choices, references and trees: the value is valid."""
    jsonschema.validate(example(schema), schema)


@pytest.mark.parametrize("format", ["date", "date-time", "time", "email", "ipv4", "ipv6", "uri", "uuid"])
def test_an_example_has_its_format(format):
    """The value is one of the format that is asked for."""
    schema = {"type": "string", "format": format}
    jsonschema.validate(
        example(schema), schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def test_a_schema_without_an_end_gets_one():
    """What can never be valid, an object that needs itself, is cut off somewhere."""
    assert example({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]})["a"]["a"]
    assert example({"$ref": "#"}) == {}


def test_bounds_in_words_are_kept():
    """Where a wire takes no bounds, they stand in the description, and the model reads them."""
    schema = {"type": "integer", "description": "How many.\n\n{maximum: 9, minimum: 4}"}
    assert example(schema) == 4


def test_schemas_in_capitals_are_read():
    """Gemini's own schemas name their types in capitals."""
    schema = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER"}}, "required": ["n"]}
    assert example(schema) == {"n": 1}


def ask(**more):
    """A question."""
    return Ask("kimi", "k", "m", False, "use now", **more)


def test_thoughts_come_before_words_and_count():
    """A model that shows its reasoning does so each time, and pays for it out of the same limit."""
    open_ended = compose(ask(thinks=True), number=1, seed=1)
    assert open_ended.reasoning
    assert open_ended.output_tokens == len(open_ended.reasoning) + len(open_ended.text)
    limited = compose(ask(thinks=True, limit=10), number=1, seed=1)
    assert (limited.finish, limited.output_tokens, limited.reasoning) == ("length", 10, open_ended.reasoning)
    cut = compose(ask(thinks=True, limit=3, tools=(Tool("now", {}),)), number=1, seed=1)
    assert (cut.finish, cut.output_tokens, cut.tools, cut.text) == ("length", 3, (), ())


def test_a_form_is_answered_in_json_unless_a_tool_is_called():
    """The answer fits the form; a call of a tool comes first."""
    form = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    assert json.loads("".join(compose(ask(schema=form), number=1, seed=1).text)) == {"a": 1}
    called = compose(ask(schema=form, tools=(Tool("now", {}),)), number=1, seed=1)
    assert [use.name for use in called.tools] == ["now"]
    assert called.text == ()

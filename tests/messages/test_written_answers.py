"""Answers by a JSON schema that somebody wrote: which schemas are taken, and what fits them."""

import json
from typing import Any

import pytest

from ranvier import ConfigurationError, Schema
from ranvier.messages.schema.written import MAX_MISMATCHES, MAX_SCHEMA, MAX_WORDS


def of(**properties: Any) -> dict[str, Any]:
    """A schema of these properties."""
    return {"type": "object", "properties": properties}


def tower(height: int) -> dict[str, Any]:
    """A schema within a schema, so many times."""
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(height):
        schema = of(within=schema)
    return schema


CHAIN = {"type": "object", "$defs": {"link": of(next={"$ref": "#/$defs/link"})}, "$ref": "#/$defs/link"}


def reading(schema: dict[str, Any], answer: Any) -> tuple[Any, list[str]]:
    """What is read, and the mismatches as they are printed."""
    parsed, mismatches = Schema.of(schema).fit(answer if isinstance(answer, str) else json.dumps(answer))
    return parsed, [str(mismatch) for mismatch in mismatches]


# --- which schemas are taken ---------------------------------------------------------------------


def test_a_written_schema_stays_word_for_word_what_it_is() -> None:
    """Nothing is added or taken away, and what is done to the dict later changes nothing."""
    written = of(a={"type": "integer", "default": 1})
    schema = Schema.of(written)
    written["properties"]["a"]["type"] = "string"
    assert schema.definition == of(a={"type": "integer", "default": 1})
    assert Schema.of(of(a={"type": "integer", "default": 1})).definition is schema.definition


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({}, "its type is None: give one of type 'object'"),
        ({"type": "array"}, "its type is 'array'"),
        ({"type": ["object", "null"]}, r"its type is \['object', 'null'\]"),
        ({"type": "object", "properties": 5}, r"not a JSON schema, at \$.properties: 5 is not of type"),
        (of(a={"type": "nope"}), r"not a JSON schema, at \$.properties.a.type"),
        (of(a={"pattern": "("}), r"not a JSON schema, at \$.properties.a.pattern"),
        ({"type": "object", "$schema": 5}, "its .schema is 5: give the URL of a draft"),
        ({"type": "object", "x": object()}, "it is not JSON .TypeError"),
        ({"type": "object", "x": float("nan")}, "it is not JSON .ValueError"),
        ({"type": "object", "x": "y" * MAX_SCHEMA}, "characters, more than any provider accepts"),
        (tower(300), "nested too deeply"),
        (tower(5000), "it is not JSON .RecursionError"),
        (of(a={"$ref": "#/$defs/none"}), "'#/.defs/none' is not in it: put it under '.defs'"),
        (of(a={"$ref": "https://example.com/schema"}), "because nothing is fetched"),
        (of(a=[{"$dynamicRef": "file:///etc/passwd"}]), r"not a JSON schema|nothing is fetched"),
    ],
)
def test_a_schema_that_cannot_be_held_against_an_answer_is_refused_at_once(
    schema: dict[str, Any], says: str
) -> None:
    """Before anything is sent; the message says where and why, and nothing is fetched."""
    with pytest.raises(ConfigurationError, match=says):
        Schema.of(schema)


@pytest.mark.parametrize(
    "schema",
    [
        {**of(a={"$ref": "#/$defs/number"}), "$defs": {"number": {"type": "integer"}}},
        {**of(a={"$ref": "#number"}), "$defs": {"number": {"$anchor": "number", "type": "integer"}}},
        {**of(a={"$dynamicRef": "#n"}), "$defs": {"n": {"$dynamicAnchor": "n", "type": "integer"}}},
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            **of(a={"$ref": "#/definitions/number"}),
            "definitions": {"number": {"type": "integer"}},
        },
        {"$schema": "http://json-schema.org/draft-04/schema#", **of(a={"type": "integer"})},
    ],
)
def test_references_within_a_schema_are_followed_in_its_own_draft(schema: dict[str, Any]) -> None:
    """By a pointer, an anchor, or in an older draft's words."""
    assert reading(schema, {"a": 5}) == ({"a": 5}, [])
    assert reading(schema, {"a": "SECRET"}) == (None, ['at $.a: "type": "integer"'])


def test_the_draft_of_a_schema_decides_what_its_words_mean() -> None:
    """In draft 4 `exclusiveMinimum` is a flag; today it is a number."""
    bounds = {"type": "number", "minimum": 1, "exclusiveMinimum": True}
    older = {"$schema": "http://json-schema.org/draft-04/schema#", **of(a=bounds)}
    assert reading(older, {"a": 1}) == (None, ['at $.a: "minimum": 1'])
    with pytest.raises(ConfigurationError, match="exclusiveMinimum"):
        Schema.of(of(a=bounds))


# --- what fits, and what does not ----------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [{}, {"a": [1, 2.5, None, True, "x", {}]}, {"beyond": "what is named"}, {"a": 10**400}]
)
def test_what_fits_is_the_answer_as_it_is(answer: Any) -> None:
    """Plain data, and what the schema leaves open stays open."""
    assert reading(of(a={}), answer) == (answer, [])


@pytest.mark.parametrize(
    ("schema", "answer", "told"),
    [
        (of(a={"type": "integer"}), {"a": "SECRET"}, 'at $.a: "type": "integer"'),
        (of(a={"enum": ["x", "y"]}), {"a": "SECRET"}, 'at $.a: "enum": ["x", "y"]'),
        (of(a={"const": "x"}), {"a": "SECRET"}, 'at $.a: "const": "x"'),
        (of(a={"maxLength": 3}), {"a": "SECRET"}, 'at $.a: "maxLength": 3'),
        (of(a={"uniqueItems": True}), {"a": ["SECRET", "SECRET"]}, 'at $.a: "uniqueItems": true'),
        (of(a={"items": {"minimum": 5}}), {"a": [9, 1]}, 'at $.a[1]: "minimum": 5'),
        (of(a={"not": {"type": "string"}}), {"a": "SECRET"}, "at $.a: not"),
        (of(a=False), {"a": "SECRET"}, "at $: the schema allows no value here"),
        ({**of(a={}), "required": ["a"]}, {"SECRET": 1}, "at $.a: required"),
        ({**of(a={}, b={}), "dependentRequired": {"a": ["b"]}}, {"a": "SECRET"}, "at $: dependentRequired"),
        ({**of(), "additionalProperties": False}, {"SECRET": 1}, 'at $: "additionalProperties": false'),
        (
            {**of(), "additionalProperties": {"type": "integer"}},
            {"SECRET": "SECRET"},
            'at $.*: "type": "integer"',
        ),
        ({**of(), "propertyNames": {"maxLength": 2}}, {"SECRET": 1}, 'at $: "maxLength": 2'),
        ({**of(), "patternProperties": {"^S": {"type": "null"}}}, {"SECRET": 1}, 'at $.*: "type": "null"'),
        (
            of(a={"anyOf": [{"type": "integer"}, of(b={"type": "integer"})]}),
            {"a": {"b": "SECRET"}},
            'at $.a.b: "type": "integer"',
        ),
    ],
)
def test_a_misfit_says_where_and_which_rule_and_quotes_no_content(
    schema: dict[str, Any], answer: Any, told: str
) -> None:
    """The rule is the schema's own; keys of the answer's own are stars."""
    assert reading(schema, answer) == (None, [told])


def test_what_the_model_is_told_may_quote_it_and_is_bounded() -> None:
    """The first few mismatches, and of each the beginning: a validator quotes whatever it refuses."""
    schema = Schema.of(of(a={"items": {"type": "integer"}}))
    _, mismatches = schema.fit(json.dumps({"a": ["SECRET" * 1000] * 50}))
    assert [mismatch.path for mismatch in mismatches] == [f"$.a[{index}]" for index in range(MAX_MISMATCHES)]
    assert all(mismatch.words.startswith("'SECRET") for mismatch in mismatches)
    assert {len(mismatch.words) for mismatch in mismatches} == {MAX_WORDS}


def test_the_rule_that_is_shown_is_bounded_too() -> None:
    """A schema may have an enumeration of thousands."""
    _, (told,) = reading(of(a={"enum": [str(number) for number in range(10_000)]}), {"a": "SECRET"})
    assert len(told) < 100


def test_a_chain_is_followed_as_far_as_anyone_could() -> None:
    """Fifty links are an answer; more than can be followed are a mismatch, and no crash."""
    answer: Any = {}
    for _ in range(50):
        answer = {"next": answer}
    assert reading(CHAIN, answer) == (answer, [])
    assert reading(CHAIN, '{"next":' * 600 + "{}" + "}" * 600) == (None, ["at $: nested too deeply"])


def test_a_schema_that_says_nothing_but_itself_fits_nothing() -> None:
    """It would be followed for ever."""
    round_in_circles = {**of(a={"$ref": "#/$defs/it"}), "$defs": {"it": {"$ref": "#/$defs/it"}}}
    assert reading(round_in_circles, {"a": 1}) == (None, ["at $: nested too deeply"])


def test_a_number_that_no_float_can_hold_is_a_misfit_where_it_would_be_divided() -> None:
    """Hundreds of digits are JSON, but no multiple of a half that could be found out."""
    schema = of(a={"multipleOf": 0.5})
    assert reading(schema, {"a": 1.5}) == ({"a": 1.5}, [])
    assert reading(schema, '{"a": 1' + "0" * 400 + "}") == (None, ["at $: a number is too large"])

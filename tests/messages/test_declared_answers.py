"""Answers as pydantic models, dataclasses and TypedDicts: the schema a model is given, and what it reads."""

import dataclasses
import datetime
import decimal
import enum
import json
import uuid
from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    field_validator,
    model_validator,
)
from typing_extensions import TypedDict  # because pydantic takes no other before Python 3.12

from ranvier import ConfigurationError, Schema
from ranvier.messages.schema.declared import MAX_MISMATCHES, MAX_WORDS
from ranvier.providers._models.schemas import is_strict


class Price(BaseModel):
    """What it costs."""

    amount: Annotated[float, Field(ge=0)]
    currency: Literal["EUR", "USD"] = "EUR"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str] = []


class Order(BaseModel):
    item: str = Field(alias="item-name", description="As printed")
    price: Price | None = None
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Dog(kind="dog")
    day: datetime.date = datetime.date(2026, 1, 1)
    default: Price = Price(amount=1)


class Tree(BaseModel):
    value: int
    kids: "list[Tree]" = []


@dataclasses.dataclass
class Basket:
    order: Order
    weights: list[float] = dataclasses.field(default_factory=list)


class Listing(BaseModel):
    prices: dict[str, Price]


class Sizes(TypedDict, total=False):
    small: int
    large: int


def reading(form: Any, answer: Any) -> tuple[Any, list[str]]:
    """What is read, and the mismatches as they are printed."""
    parsed, mismatches = Schema.of(form).fit(answer if isinstance(answer, str) else json.dumps(answer))
    return parsed, [str(mismatch) for mismatch in mismatches]


# --- the schema ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [Price, Order, Tree, Basket, Sizes])
def test_the_schema_of_a_declared_answer_is_one_that_strict_wires_take(form: type) -> None:
    """Whatever is declared: every object closed, every field required, no word that they refuse."""
    definition = Schema.of(form).definition
    assert is_strict(definition)
    assert definition["type"] == "object"
    assert "default" not in {key for key in definition if key != "properties"}
    json.dumps(definition, allow_nan=False)


def test_a_schema_says_what_was_declared() -> None:
    """Types, choices, bounds and descriptions; a reference stands alone, and no title repeats a name."""
    definition = Schema.of(Order).definition
    assert definition["properties"] == {
        "item-name": {"description": "As printed", "type": "string"},
        "price": {"anyOf": [{"$ref": "#/$defs/Price"}, {"type": "null"}]},
        "pet": {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]},
        "day": {"format": "date", "type": "string"},
        "default": {"$ref": "#/$defs/Price"},
    }
    assert definition["required"] == list(definition["properties"])
    assert definition["$defs"]["Price"]["required"] == ["amount", "currency"]
    assert definition["$defs"]["Price"]["description"] == "What it costs."
    assert definition["$defs"]["Price"]["properties"] == {
        "amount": {"minimum": 0, "type": "number"},
        "currency": {"enum": ["EUR", "USD"], "type": "string"},
    }


def test_a_dict_of_anything_stays_open_since_its_keys_are_not_known() -> None:
    """Such a schema goes to the wires as one that is not strict."""
    definition = Schema.of(Listing).definition
    assert definition["properties"]["prices"]["additionalProperties"] == {"$ref": "#/$defs/Price"}
    assert not is_strict(definition)


def test_a_described_reference_is_wrapped_since_nothing_may_stand_beside_one() -> None:
    """The description is kept."""

    class Offer(BaseModel):
        price: Price = Field(description="In full")

    assert Schema.of(Offer).definition["properties"]["price"] == {
        "description": "In full",
        "anyOf": [{"$ref": "#/$defs/Price"}],
    }


def test_a_type_that_refers_to_itself_has_an_object_at_its_root() -> None:
    """No wire takes a reference there."""
    definition = Schema.of(Tree).definition
    assert definition["properties"]["kids"] == {"items": {"$ref": "#/$defs/Tree"}, "type": "array"}
    assert definition["$defs"]["Tree"]["properties"] == definition["properties"]


class Point(NamedTuple):
    x: int


class Colour(enum.Enum):
    RED = "red"


NO_OBJECTS = [
    (list[int], [1, 2], [1, 2]),
    (list[Price], [{"amount": 1}], [Price(amount=1)]),
    (Cat | Dog, {"kind": "cat", "lives": 9}, Cat(kind="cat", lives=9)),
    (Price | None, None, None),
    (Literal["yes", "no"], "yes", "yes"),
    (Annotated[list[int], Field(max_length=2)], [1], [1]),
    (tuple[int, str], [1, "x"], (1, "x")),
    (Point, [7], Point(7)),
    (Colour, "red", Colour.RED),
    (RootModel[list[int]], [1], RootModel[list[int]]([1])),
    (int, 5, 5),
]


@pytest.mark.parametrize(("form", "said", "parsed"), NO_OBJECTS)
def test_a_type_that_is_no_object_in_json_is_asked_for_inside_one(form: Any, said: Any, parsed: Any) -> None:
    """Providers take nothing else at the root; the caller gets the value and never sees the object."""
    schema = Schema.of(form)
    assert schema.definition["type"] == "object"
    assert schema.definition["required"] == ["answer"]
    assert schema.fit(json.dumps({"answer": said})) == (parsed, ())
    assert Schema.of(form) == schema


def test_an_answer_inside_an_object_fits_only_there() -> None:
    """The place of a mismatch is the one in what the model wrote."""
    assert reading(list[Price], {"answer": [{}]}) == (None, ["at $.answer[0].amount: Field required"])
    assert reading(list[Price], {}) == (None, ["at $.answer: Field required"])
    assert reading(list[Price], [1]) == (None, ["at $: Input should be an object"])


def test_a_type_that_cannot_be_hashed_is_refused() -> None:
    """Schemas are kept by their types."""
    with pytest.raises(ConfigurationError, match=r"Annotated\[int, \[\]\]: give a type that can be hashed"):
        Schema.of(Annotated[int, []])


class Anything:
    def __init__(self, value: int) -> None: ...


class Unknown(BaseModel):
    value: "Nowhere"  # type: ignore[name-defined]  # noqa: F821  # because it is what is tested


class Opaque(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    value: Anything


@dataclasses.dataclass
class Callback:
    then: Callable[[int], int]


@dataclasses.dataclass
class LookAhead:
    text: Annotated[str, Field(pattern="(?=x)")]


@pytest.mark.parametrize(
    ("form", "says"),
    [
        (Anything, "Anything"),
        (Unknown, "Unknown.*not fully defined"),
        (Opaque, "Opaque.*JsonSchema"),
        (Callback, "Callback.*Callable"),
        (LookAhead, "LookAhead.*look-around"),
    ],
)
def test_a_type_that_no_json_can_be_read_as_is_refused_with_the_reason(form: type, says: str) -> None:
    """At once, and not when an answer has been paid for; on one line."""
    with pytest.raises(ConfigurationError, match=says) as caught:
        Schema.of(form)
    assert "cannot be read from JSON" in str(caught.value)
    assert "\n" not in str(caught.value)


# --- what fits -----------------------------------------------------------------------------------


def test_what_fits_is_an_instance_with_its_types_and_its_defaults() -> None:
    """A default fills what an answer leaves out, though the schema asks for all of it."""
    order, mismatches = reading(
        Order, {"item-name": "tea", "price": {"amount": 3}, "pet": {"kind": "cat", "lives": 9}}
    )
    assert mismatches == []
    assert (order.item, order.price, order.pet) == ("tea", Price(amount=3), Cat(kind="cat", lives=9))
    assert (order.day, order.default) == (datetime.date(2026, 1, 1), Price(amount=1))
    assert reading(Sizes, {"small": 1}) == ({"small": 1}, [])


def test_values_that_json_has_no_type_for_are_read_from_their_words() -> None:
    """Dates, decimals, sets, tuples, ids."""

    class Rich(BaseModel):
        when: datetime.datetime
        amount: decimal.Decimal
        tags: set[str]
        pair: tuple[int, str]
        id: uuid.UUID

    number = "12345678-1234-5678-1234-567812345678"
    said = {
        "when": "2026-01-01T10:00:00Z",
        "amount": "1.10",
        "tags": ["a", "a"],
        "pair": [1, "x"],
        "id": number,
    }
    rich, mismatches = reading(Rich, said)
    assert mismatches == []
    assert rich.when == datetime.datetime(2026, 1, 1, 10, tzinfo=datetime.UTC)
    assert (rich.amount, rich.tags, rich.pair) == (decimal.Decimal("1.10"), {"a"}, (1, "x"))
    assert rich.id == uuid.UUID(number)


def test_an_answer_as_deep_as_its_type_allows_is_read_until_nobody_could_read_it() -> None:
    """A hundred levels are an answer; a thousand are a mismatch, and no crash."""

    def tower(height: int) -> str:
        return '{"value": 1, "kids": [' * height + "]}" * height

    tree, mismatches = reading(Tree, tower(90))
    assert mismatches == []
    assert tree.kids[0].kids[0].value == 1
    tree, mismatches = reading(Tree, tower(20_000))
    assert tree is None
    assert len(mismatches) == 1


prices = st.builds(
    Price,
    amount=st.floats(min_value=0, allow_infinity=False),
    currency=st.sampled_from(["EUR", "USD"]),
)
pets = st.builds(Cat, kind=st.just("cat"), lives=st.integers()) | st.builds(
    Dog, kind=st.just("dog"), tricks=st.lists(st.text(), max_size=3)
)
orders = st.builds(
    lambda **fields: Order(**{"item-name": fields.pop("item"), **fields}),
    item=st.text(),
    price=st.none() | prices,
    pet=pets,
    day=st.dates(),
    default=prices,
)
trees = st.recursive(
    st.builds(Tree, value=st.integers()),
    lambda kids: st.builds(Tree, value=st.integers(), kids=st.lists(kids, max_size=3)),
    max_leaves=10,
)


@settings(deadline=None)  # a machine that is busy proves nothing
@given(orders | trees | st.builds(Listing, prices=st.dictionaries(st.text(), prices, max_size=3)))
def test_whatever_an_instance_says_fits_the_schema_and_is_read_as_that_instance(instance: BaseModel) -> None:
    """The schema that is sent and the type that reads agree, whatever a model that keeps to it may say."""
    text = instance.model_dump_json(by_alias=True)
    schema = Schema.of(type(instance))
    Draft202012Validator(schema.definition).validate(json.loads(text))
    assert schema.fit(text) == (instance, ())


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "answer", "told"),
    [
        (Price, {}, ["at $.amount: Field required"]),
        (Price, [], ["at $: Input should be an object"]),
        (Price, {"amount": -7}, ["at $.amount: Input should be greater than or equal to 0"]),
        (Price, {"amount": 1, "currency": "SECRET"}, ["at $.currency: Input should be 'EUR' or 'USD'"]),
        (Order, {}, ["at $['item-name']: Field required"]),
        (Order, {"item-name": 5}, ["at $['item-name']: Input should be a valid string"]),
        (Listing, {"prices": {"SECRET": {}}}, ["at $.prices.*.amount: Field required"]),
        (Order, {"item-name": "x", "pet": {"kind": "SECRET"}}, ["at $.pet: union_tag_invalid"]),
        (
            Order,
            {"item-name": "x", "pet": {"kind": "cat", "lives": "SECRET"}},
            ["at $.pet.lives: Input should be a valid integer, unable to parse string as an integer"],
        ),
        (Tree, {"value": 1, "kids": [{"value": 2}, {}]}, ["at $.kids[1].value: Field required"]),
        (
            Basket,
            {"order": {"item-name": "x"}, "weights": ["SECRET"]},
            ["at $.weights[0]: Input should be a "],
        ),
    ],
)
def test_a_misfit_says_where_and_which_rule_and_quotes_no_content(
    form: type, answer: Any, told: list[str]
) -> None:
    """Keys of the answer's own are stars, and so no secret of it reaches a log."""
    parsed, mismatches = reading(form, answer)
    assert parsed is None
    assert [mismatch[: len(words)] for mismatch, words in zip(mismatches, told, strict=True)] == told
    assert "SECRET" not in " ".join(mismatches)


class Careful(BaseModel):
    model_config = ConfigDict(extra="forbid", val_json_bytes="base64")
    word: str = "fine"
    id: uuid.UUID | None = None
    raw: bytes = b""

    @field_validator("word")
    @classmethod
    def no_shouting(cls, word: str) -> str:
        assert not word.endswith("?"), f"{word} asks"
        if word.isupper():
            raise ValueError(f"{word} shouts")
        return word

    @model_validator(mode="after")
    def not_both(self) -> "Careful":
        if self.id and self.word != "fine":
            raise ValueError(f"{self.word} has an id")
        return self


ID = "12345678-1234-5678-1234-567812345678"


@pytest.mark.parametrize(
    ("answer", "told", "words"),
    [
        ({"word": "SECRET"}, "at $.word: value_error", "SECRET shouts"),
        ({"word": "SECRET?"}, "at $.word: assertion_error", "SECRET? asks"),
        ({"word": "Secret", "id": ID}, "at $: value_error", "Secret has an id"),
        ({"SECRET": 1}, "at $.*: Extra inputs are not permitted", "Extra inputs"),
        ({"id": "SECRET"}, "at $.id: uuid_parsing", "`S`"),
        ({"raw": "SECRET!"}, "at $.raw: bytes_invalid_encoding", "base64"),
    ],
)
def test_words_that_may_quote_an_answer_are_for_the_model_alone(
    answer: dict[str, Any], told: str, words: str
) -> None:
    """A validator of yours quotes what it refuses: it helps the model, and no log needs it."""
    _, (mismatch,) = Schema.of(Careful).fit(json.dumps(answer))
    assert str(mismatch) == told
    assert words in mismatch.words


def test_what_is_told_of_one_answer_is_bounded() -> None:
    """The first few mismatches, and of a talkative validator the beginning."""

    class Long(BaseModel):
        words: list[str]

        @field_validator("words")
        @classmethod
        def refuse(cls, words: list[str]) -> list[str]:
            raise ValueError("x" * 10_000)

    _, mismatches = Schema.of(Long).fit(json.dumps({"words": [1] * 50}))
    assert [mismatch.path for mismatch in mismatches] == [
        f"$.words[{index}]" for index in range(MAX_MISMATCHES)
    ]
    _, (mismatch,) = Schema.of(Long).fit(json.dumps({"words": []}))
    assert len(mismatch.words) == MAX_WORDS


def test_what_a_choice_of_types_refuses_is_told_without_their_names() -> None:
    """The place is the answer's, whichever type was tried there."""

    class Zoo(BaseModel):
        animal: Cat | Dog

    _, told = reading(Zoo, {"animal": {"kind": "cow"}})
    assert [mismatch.partition(": ")[0] for mismatch in told] == [
        "at $.animal.kind",
        "at $.animal.lives",
        "at $.animal.kind",
    ]


@pytest.mark.parametrize("text", ['{"word": "\\ud800"}', '{"word": "\ud800"}'])
def test_half_of_a_character_is_no_json_that_could_be_read(text: str) -> None:
    """Escaped or not, it is a mismatch."""
    parsed, (mismatch,) = Schema.of(Careful).fit(text)
    assert parsed is None
    assert mismatch.path == "$"
    assert "unicode" in mismatch.rule or "JSON" in mismatch.rule


def test_an_answer_that_a_validator_cannot_follow_to_its_end_is_a_misfit() -> None:
    """It is one that could not be read, and no crash."""

    def follow(tower: Any) -> Any:
        return follow([tower])

    class Tower(BaseModel):
        tower: Annotated[Any, AfterValidator(follow)]

    assert reading(Tower, {"tower": []}) == (None, ["at $: unreadable JSON"])


def test_a_validator_that_breaks_is_your_error_and_not_the_answers() -> None:
    """It passes as it is, since nothing is known about the answer."""

    class Broken(BaseModel):
        word: str

        @field_validator("word")
        @classmethod
        def look_up(cls, word: str) -> str:
            raise LookupError("no table")

    with pytest.raises(LookupError, match="no table"):
        reading(Broken, {"word": "x"})

"""The JSON schema, which editors check a file by, agrees with the loader."""

from typing import Annotated, Any, Literal, Union, get_args, get_origin

import jsonschema
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ranvier.config.file import file_model
from ranvier.config.schema import schema

VALIDATOR = jsonschema.Draft202012Validator(schema())

TEXTS = st.sampled_from(["", "off", "a", "eu/gpt-5.2", "p95", "os:getcwd", "os", "enforced"])
GOOD_TEXTS = st.sampled_from(["os:getcwd", "os:path.join"])  # which fit everywhere
KEYS = st.sampled_from(["eu", "Authorization", "x-api-key", "cache_key", "a b", "env", "import", "model"])
FLOATS = st.sampled_from([0.5, -1.5, 1e300])  # a float that is whole is an integer in JSON, and none in TOML
ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 9),
    FLOATS,
    TEXTS,
    st.lists(TEXTS, max_size=2),
    st.dictionaries(KEYS, TEXTS, max_size=2),
)


class Writer:
    """Writes files as their models have them, with a mistake now and then."""

    def __init__(self, data: st.DataObject) -> None:
        self._draw = data.draw
        self._mistakes = data.draw(st.sampled_from([0, 0, 1, 3]))  # in so many of a hundred values

    def value(self, kind: Any) -> Any:
        """A value of this type, or something else."""
        if self._draw(st.integers(1, 100)) <= self._mistakes:
            return self._draw(ANYTHING)
        origin, inner = get_origin(kind), get_args(kind)
        if origin is Annotated:
            return self.value(inner[0])
        if origin is Union:
            return self.value(self._draw(st.sampled_from(inner)))
        if origin is Literal:
            return self._draw(st.sampled_from(inner))
        if origin is list:
            return [self.value(inner[0]) for _ in range(self._draw(st.integers(0, 2)))]
        if origin is dict:
            return {key: self.value(inner[1]) for key in self._draw(st.lists(KEYS, max_size=2, unique=True))}
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self.table(kind)
        plain = {
            str: GOOD_TEXTS,
            int: st.integers(0, 9),
            float: FLOATS,
            bool: st.booleans(),
            type(None): st.none(),
        }
        return self._draw(plain.get(kind, ANYTHING))

    def table(self, kind: type[BaseModel]) -> dict[str, Any]:
        """A table with what it needs, and a few of its other keys."""
        names = {field.alias or name: field for name, field in kind.model_fields.items()}
        needed = [name for name, field in names.items() if field.is_required()]
        given = self._draw(st.lists(st.sampled_from(list(names)), max_size=3, unique=True))
        made = {name: self.value(names[name].annotation) for name in dict.fromkeys([*needed, *given])}
        if self._draw(st.integers(1, 100)) <= self._mistakes:
            made[self._draw(KEYS)] = self._draw(ANYTHING)
        return made


def loads(file: dict[str, Any]) -> bool:
    """Whether the models accept a file."""
    try:
        file_model().model_validate(file)
    except ValidationError:
        return False
    return True


@pytest.mark.once
@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_the_schema_accepts_what_the_loader_accepts_and_nothing_else(data: st.DataObject) -> None:
    """Whatever tables a file has; what a constructor says of a value comes later."""
    writer = Writer(data)
    file = writer.table(file_model())
    accepted = loads(file)
    event(f"accepted: {accepted}")
    assert VALIDATOR.is_valid(file) == accepted, file

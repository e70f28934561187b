"""Saved texts with something wrong in them: each is loaded, or refused with one error that quotes nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ranvier import InvalidDumpError
from ranvier.messages import dump, dump_response, load, load_response
from support.fuzz.fuzzing import grows_at_most_linearly, tried
from support.fuzz.mutating import damaged, mutated
from support.messages.saving import EVERY_FIELD, EVERY_PART
from support.security.showing import held, said

HISTORY, RESPONSE = dump(EVERY_PART), dump_response(EVERY_FIELD)
CONTENTS = (
    "So much",
    "U28gbXVj",
    "plan",
    "report.pdf",
    "Zürich",
    "Z\\u00fc",
    "signed",
    "weather",
    "I need",
    "sonnet",
    "toolu_1",
    "msg_1",
    "Bern",
)
"""What a saved text has in it, and no error may."""

altered = st.one_of(
    *(mutated(json.loads(text)).map(json.dumps) for text in (HISTORY, RESPONSE)),
    *(damaged(text.encode()) for text in (HISTORY, RESPONSE)),
)


@tried(400)
@given(altered)
def test_an_altered_text_is_loaded_or_refused(text: str | bytes) -> None:
    """What is loaded can be saved again, and is the same then."""
    pairs: Any = ((load, dump), (load_response, dump_response))
    for loading, saving in pairs:
        loaded, refused = tried_to_load(loading, text)
        if refused is None:
            assert loading(saving(loaded)) == loaded
        else:
            assert len(str(refused)) < 300
            assert not [each for each in CONTENTS if each in said(refused) + str(held(refused))]


def tried_to_load(loading: Any, text: str | bytes) -> tuple[Any, InvalidDumpError | None]:
    try:
        return loading(text), None
    except InvalidDumpError as error:
        return None, error


@tried(100)
@given(st.text(max_size=40) | st.binary(max_size=40))
def test_any_text_is_refused(text: str | bytes) -> None:
    with pytest.raises(InvalidDumpError):
        load(text)


@pytest.mark.parametrize("piece", ["[", '{"a":', "[],", '"x",', "1,"])
def test_the_time_grows_with_the_length_at_most(piece: str) -> None:
    def refused(times: int) -> None:
        with pytest.raises(InvalidDumpError):
            load('{"format":"ranvier.history","version":1,"history":[' + piece * times + "]}")

    assert grows_at_most_linearly(refused, 2_000)

"""What fuzzing has found, each by its name: it stays found."""

import pytest
from reading import outcome

from ranvier.errors import ProviderError


def test_a_character_that_nobody_can_print_is_not_shown() -> None:
    """A code point that no alphabet has yet is no space and no control character either."""
    error = outcome("anthropic", [b"\xde\xb2"], streamed=False)
    assert isinstance(error, ProviderError)
    assert error.body_preview == "\ufffd"


@pytest.mark.parametrize("size", [1, 700, 1999, 5000])
def test_the_title_of_a_page_does_not_depend_on_the_cuts(size: int) -> None:
    """The page is judged by its start alone, however much of it has come by then."""
    page = b"<html>" + b" " * 1995 + b"<title>Bad gateway</title>"
    pieces = [page[begin : begin + size] for begin in range(0, len(page), size)]
    assert "a page of HTML: a page of HTML" in str(outcome("openai", pieces, streamed=True))

"""The pages are written in plain English, in the terms of the field: no phrase of this table is in them."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [*(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.svg"), *ROOT.glob("*.md")]

PHRASES = {
    "a call not through": "rejected",
    "a circuit or a gate turned": "rejected",
    "that is none": "say what it is",
    "that which": "what",
    "as if it had not been said": "unset",
    "as if it had not": "unset",
    "build one a loop": "one per loop",
    "gets up again": "recovers",
    "given up": "cancelled, abandoned",
    "half of the calls took": "p50",
    "half within": "p50",
    "here there is": "name it",
    "in vain": "wasted",
    "it is so": "say what is",
    "it shall not": "must not",
    "left for another": "fell back",
    "let not through": "rejected",
    "nobody has to wait": "synchronous",
    "nobody's": "name who",
    "shall be": "is",
    "stopped for its length": "hit max_tokens",
    "that there is not": "unknown",
    "under way": "in flight",
    "what a form may be": "what a schema may contain",
    "whoever": "anyone who, clients, tenants",
    "whom to ask": "who to contact",
    "whom to believe": "trusting proxies",
    "it is seen": "observable",
    "what repeats itself": "identical log messages",
}
"""What nobody searches for or has to decode, and what to write in its place."""

QUOTED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
"""Blocks of code and output: they are what the library prints."""


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_page_has_a_phrase_that_has_to_be_decoded(phrase: str) -> None:
    """In whatever case, and across lines."""
    found = re.compile(r"\b" + r"\s+".join(map(re.escape, phrase.split())) + r"\b", re.IGNORECASE)
    for page in PAGES:
        text = QUOTED.sub("", page.read_text(encoding="utf-8"))
        match = found.search(text)
        assert match is None, f"{page.relative_to(ROOT)}: {match[0]!r}: write {PHRASES[phrase]}"


SOURCE = [*(ROOT / "src").rglob("*.py")]
COUNTED = ("said", "told", "tell")
MAX_OF_EACH = 20
"""How often these words, which hide who does what, may stand in the source: in names, prose and messages."""


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_source_has_a_phrase_that_has_to_be_decoded(phrase: str) -> None:
    """In docstrings, comments, errors and log messages, across the lines of each."""
    found = re.compile(r"\b" + r"[\s#]+".join(map(re.escape, phrase.split())) + r"\b", re.IGNORECASE)
    for path in SOURCE:
        match = found.search(path.read_text(encoding="utf-8"))
        assert match is None, f"{path.relative_to(ROOT)}: {match[0]!r}: write {PHRASES[phrase]}"


@pytest.mark.parametrize("word", COUNTED)
def test_words_that_hide_the_subject_are_rare(word: str) -> None:
    """Verb first, subject named: an event is emitted, an error is raised, a field is sent."""
    found = re.compile(rf"\b{word}\b", re.IGNORECASE)
    number = sum(len(found.findall(path.read_text(encoding="utf-8"))) for path in SOURCE)
    assert number <= MAX_OF_EACH, f"{word!r} stands {number} times in src"

"""One-line bugs in how conversations are saved, each of which a test has to notice."""

from support.mutants.traps import mutant

ENVELOPE = "messages/saved/envelope.py"
KINDS = "messages/saved/kinds.py"
RECORDS = "messages/saved/records.py"

SAVED = "tests/messages/test_saved_messages.py"
FUZZ = "tests/fuzz/test_saved.py"

MUTANTS = [
    mutant(
        "D1", "a newer version is read as if it were known", ENVELOPE,
        "    if version > VERSION:",
        "    if False:",
        f"{SAVED}::test_a_text_that_is_none_is_refused",
    ),
    mutant(
        "D1", "unknown keys are ignored", RECORDS,
        '        if data.keys() - self.fields.keys() - ({"type"} if self.tagged else set()):',
        "        if False:",
        f"{SAVED}::test_a_text_that_is_none_is_refused",
    ),
    mutant(
        "D1", "the frames of an error hold the text", ENVELOPE,
        "    del text\n",
        "",
        f"{FUZZ}::test_an_altered_text_is_loaded_or_refused",
    ),
    mutant(
        "D1", "half a character makes a text that no database stores", ENVELOPE,
        "        text.encode()\n",
        "",
        f"{SAVED}::test_any_conversation_is_loaded_as_it_was",
    ),
    mutant(
        "D1", "fields may be nested without end", KINDS,
        "    if not levels:",
        "    if False:",
        f"{SAVED}::test_what_json_cannot_hold_is_refused",
    ),
    mutant(
        "D1", "labels are sent to providers", "providers/_wire/fields.py",
        'name not in ("system", "metadata", "keep_raw", "extra")',
        'name not in ("system", "keep_raw", "extra")',
        "tests/pipeline/test_metadata.py::test_no_provider_is_sent_it",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""D1 saved conversations, and labels of calls."""

"""One-line bugs in how the end of an answer, and the calls in it, are read; a test has to notice each."""

from support.mutants.traps import mutant

FINISHES = "providers/_reading/finish_reasons.py"
ENDINGS = "providers/_wire/endings.py"
STREAMED = "providers/_reading/streamed.py"
FRAGMENTS = "providers/chat_completions/fragments.py"
CHAT_ANSWER = "providers/chat_completions/answer.py"
ANTHROPIC = "providers/anthropic/events.py"
CONVERSE = "providers/converse/events.py"
FRAMES = "providers/converse/frames.py"

MISSING = "tests/providers/test_missing_calls.py"
WORDS = "tests/providers/test_finish_words.py"
CALLS = "tests/providers/test_odd_calls.py"
SILENCE = "tests/providers/test_odd_silence.py"

MUTANTS = [
    mutant(
        "FR", "words before a lost call are the whole answer", FINISHES,
        "    if reason is FinishReason.TOOL_CALLS or word in OF_CALLS:", "    if False:",
        f"{MISSING}::test_a_promised_call_that_is_missing_is_no_answer",
    ),
    mutant(
        "FR", "a call after its promise comes too late", ENDINGS,
        "            self.failure = failure.with_traceback(None)\n", "            raise\n",
        f"{MISSING}::test_the_promise_may_come_before_the_call",
    ),
    mutant(
        "FR", "usage keeps an empty promise", ENDINGS,
        " and not self.early and self.failure is None", " and not self.early",
        f"{MISSING}::test_usage_after_an_empty_promise_does_not_keep_it",
    ),
    mutant(
        "FR", "a connection that breaks hides what the filter has said", STREAMED,
        "        return reader.complete or (reader.stopped is not None and reader.failure is not None)",
        "        return reader.complete",
        f"{MISSING}::test_what_breaks_after_an_empty_promise_is_no_end",
    ),
    mutant(
        "FR", "an error after a whole answer takes it back", ENDINGS,
        "                    self.stopped = self.failure = None\n", "                    pass\n",
        "tests/providers/test_endings.py"
        "::test_what_breaks_after_the_only_finish_reason_does_not_matter",
    ),
    mutant(
        "FR", "the tokens of a filtered answer are forgotten", ENDINGS,
        "            return StreamEvent(usage=usage)\n", "            return StreamEvent()\n",
        f"{MISSING}::test_the_tokens_of_a_stream_without_an_answer_are_reported",
    ),
    mutant(
        "FR", "only lower case is understood", FINISHES,
        'raw.lower().partition(":")', 'raw.partition(":")',
        f"{WORDS}::test_a_word_means_the_same_on_every_wire",
    ),
    mutant(
        "FR", "a call that is sent again and again is several", FRAGMENTS,
        '            begun, arguments = known, ""\n', "            pass\n",
        f"{CALLS}::test_fragments_are_put_together_by_what_tells_calls_apart",
    ),
    mutant(
        "FR", "a picture beside words is lost", CHAT_ANSWER,
        '        kept["content"] = others\n', "        pass\n",
        f"{SILENCE}::test_pictures_beside_words_are_kept",
    ),
    mutant(
        "FR", "thinking without an end comes after its call", ANTHROPIC,
        '            if other == index or block.kind != "tool_use":', "            if other == index:",
        "tests/providers/test_anthropic.py"
        "::test_a_block_without_its_end_ends_where_the_next_one_begins",
    ),
    mutant(
        "FR", "thoughts without an end come last", CONVERSE,
        "            if other == index or not block.is_call:", "            if other == index:",
        "tests/providers/test_converse.py::test_the_same_blocks_in_pieces_are_the_same_parts",
    ),
    mutant(
        "FR", "a whole answer of Converse needs botocore", FRAMES,
        "        self._frames: EventStreamBuffer | None = None  #",
        "        self._frames: EventStreamBuffer | None = _new_buffer()  #",
        "tests/providers/test_converse.py"
        "::test_without_botocore_a_stream_is_refused_before_it_is_requested",
    ),
    mutant(
        "FR", "a line break after a body is taken for damage", "providers/_reading/decoding.py",
        "(start := chunk.lstrip())", "(start := chunk)",
        "tests/providers/engines/test_engine_bodies.py::test_white_space_after_a_body_is_passed_on",
    ),
    mutant(
        "FR", "a stub gives whatever it has computed", "providers/stub.py",
        "        if isinstance(reply, str):\n            return whole",
        "        if True:\n            return whole",
        "tests/providers/test_function.py::test_a_stub_that_computes_no_text_is_told",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""FR what a finish reason means, and what belongs to the answer before it."""

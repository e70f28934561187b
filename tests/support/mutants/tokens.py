"""One-line bugs in how tokens are fetched and sent, each of which a test has to notice."""

from support.mutants.traps import mutant

SOURCE = "providers/_tokens/source.py"
TOKEN = "providers/_tokens/token.py"
FUNCTION = "providers/_tokens/users_function.py"
CLAUDE = "providers/vertex/claude.py"
VERTEX = "providers/vertex/adapter.py"

TOKENS = "tests/providers/test_tokens.py"
AT_VERTEX = "tests/providers/test_vertex.py"

MUTANTS = [
    mutant(
        "E1",
        "each call calls the function for itself",
        SOURCE,
        "            flight, caller = self._flight or self._begin(call), Caller()",
        "            flight, caller = self._begin(call), Caller()",
        f"{TOKENS}::test_calls_that_need_a_token_at_one_time_share_one_call_of_the_function",
    ),
    mutant(
        "E1",
        "a token is used until its last second",
        SOURCE,
        "        self._until = now + life - min(MARGIN_SECONDS, life / 10)",
        "        self._until = now + life",
        f"{TOKENS}::test_a_token_that_has_expired_is_not_sent",
    ),
    mutant(
        "E1",
        "a token is renewed when it has expired",
        SOURCE,
        "        self._renew_at = now + life - min(LEAD_SECONDS, life / 2)",
        "        self._renew_at = now + life",
        f"{TOKENS}::test_a_token_is_renewed_in_the_background_before_it_expires",
    ),
    mutant(
        "E1",
        "a rejected token is kept",
        SOURCE,
        "            self._token = None\n        try:",
        "            pass\n        try:",
        f"{TOKENS}::test_a_rejected_token_is_renewed_once_and_the_request_sent_again",
    ),
    mutant(
        "E2",
        "a call that hangs is waited for",
        SOURCE,
        "        flight.task.cancel()",
        "        pass",
        f"{TOKENS}::test_a_function_that_hangs_is_named_after_its_limit",
    ),
    mutant(
        "E2",
        "the text of an error is shown",
        SOURCE,
        "            self._fail(call, flight, str(error) if ours else type(error).__name__, error)",
        "            self._fail(call, flight, str(error), error)",
        f"{TOKENS}::test_a_function_that_raises_is_named_and_the_next_target_answers",
    ),
    mutant(
        "E2",
        "a token with a line break is sent",
        TOKEN,
        "    if not value or not fits_a_header(value):",
        "    if not value:",
        f"{TOKENS}::test_nonsense_is_an_error_that_names_the_function_and_shows_no_token",
    ),
    mutant(
        "E2",
        "calls that hang pile up",
        FUNCTION,
        "        if len(self._running) >= MAX_RUNNING:",
        "        if False:",
        f"{TOKENS}::test_a_function_that_swallows_its_cancellation_is_called_a_few_times_only",
    ),
    mutant(
        "E2",
        "a thread that did not start counts as running",
        FUNCTION,
        "            self._running.discard(mark)\n            raise",
        "            raise",
        f"{TOKENS}::test_threads_that_cannot_be_started_do_not_count_as_running",
    ),
    mutant(
        "E3",
        "the model stays in the body at Vertex",
        CLAUDE,
        '        del fields["model"]\n',
        "",
        f"{AT_VERTEX}::test_claude_gets_the_version_in_place_of_the_model",
    ),
    mutant(
        "E3",
        "reasoning goes to any project",
        VERTEX,
        '        return f"{self.family}/{self.project}"',
        "        return self.family",
        f"{AT_VERTEX}::test_reasoning_goes_back_to_its_project_with_any_token_and_to_no_other",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests

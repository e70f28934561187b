"""One-line bugs in the retry budget and in windows, each of which a test has to notice."""

from support.mutants.traps import PERMIT, RETRY, mutant

BUDGET = "layers/retry/budget.py"
WINDOWS = "layers/breaker/windows.py"
COUNTS = "pipeline/timing/sliding_counts.py"

BUDGETED = "tests/layers/test_retry_budget.py"
WITHHELD = "tests/layers/test_withheld_retries.py"
WINDOWED = "tests/layers/test_windows.py"
RULES = "test_it_opens_when_enough_calls_and_too_many_of_them_are_bad"
COUNTED = "tests/pipeline/test_sliding_counts.py"
NO_MORE = "test_no_window_has_more_retries_than_its_budget"
STORM = "test_an_outage_is_not_multiplied_by_retries[True-5000]"

MUTANTS = [
    # --- the retry budget
    mutant(
        "H5", "the budget is asked and not obeyed", RETRY,
        "        if self.budget.take(call.tenant, call.deployment.provider.name, now):",
        "        if self.budget.take(call.tenant, call.deployment.provider.name, now) or True:",
        f"{WITHHELD}::{STORM}",
    ),
    mutant(
        "H5", "light load loses its retries", BUDGET,
        "self.ratio * firsts + self.per_second * self.window",
        "self.ratio * firsts",
        f"{BUDGETED}::test_a_single_tenant_under_light_load_loses_no_retry",
    ),
    mutant(
        "H5", "a small share of little is nothing", BUDGET,
        "        return max(1.0, self",
        "        return max(0.0, self",
        f"{BUDGETED}::test_one_retry_per_window_is_always_possible",
    ),
    mutant(
        "H5", "a retry costs nothing", BUDGET,
        "        state.counts.add(RETRIES, now)\n",
        "",
        f"{BUDGETED}::{NO_MORE}",
    ),
    mutant(
        "H5", "one tenant uses up the retries of all", BUDGET,
        "(contested and state.exceeds(tenant, self.ratio))",
        "False",
        f"{BUDGETED}::test_one_tenant_cannot_use_up_the_retries_of_all",
    ),
    mutant(
        "H5", "every tenant has its share at once, and a lone call loses retries", BUDGET,
        "        contested = retries >= allowed * OPEN_TO_ALL",
        "        contested = True",
        f"{WITHHELD}::test_a_lone_call_gets_all_its_retries",
    ),
    mutant(
        "H5", "answers from a cache pay for retries", RETRY,
        "        if self.budget is None or record.attempts is before:",
        "        if self.budget is None:",
        f"{WITHHELD}::test_only_what_was_sent_counts_as_a_first_attempt",
    ),
    mutant(
        "H5", "every key that is tried counts as a first attempt", RETRY,
        "        if record.tried_keys and any(",
        "        if False and any(",
        f"{WITHHELD}::test_a_further_key_is_no_first_attempt",
    ),
    mutant(
        "H5", "tenants are kept for ever", BUDGET,
        "        if now >= self._until:\n            self._roll_tenants(now)",
        "",
        f"{BUDGETED}::test_only_tenants_that_have_retried_lately_are_kept",
    ),
    mutant(
        "H5", "a call that was hedged is retried as well", RETRY,
        "call.watch.last_target or call.watch.hedged",
        "call.watch.last_target",
        "tests/layers/test_retry.py::test_what_was_hedged_or_asked_last_is_not_retried",
    ),
    # --- windows of a circuit
    mutant(
        "H6", "one bad call out of one opens it", WINDOWS,
        "counts.totals[total] >= windows.minimum and ",
        "",
        f"{WINDOWED}::{RULES}",
    ),
    mutant(
        "H6", "any share of failures opens it", WINDOWS,
        "counts.totals[bad] >= rate * counts.totals[total]",
        "counts.totals[bad] >= 1",
        f"{WINDOWED}::{RULES}",
    ),
    mutant(
        "H6", "what happened before it was closed counts again", WINDOWS,
        "        super()._enter(state)\n        self._counts = None",
        "        super()._enter(state)",
        f"{WINDOWED}::{RULES}",
    ),
    mutant(
        "H6", "a slow probe closes it", WINDOWS,
        "        elif slow and self.state is HALF_OPEN and self._leave(permit, now):",
        "        elif False:",
        f"{WINDOWED}::test_a_slow_probe_has_failed[6-open-True]",
        f"{WINDOWED}::test_a_slow_probe_has_failed[6-open-False]",
    ),
    mutant(
        "H6", "a stream is slow once when it begins and once when it ends", PERMIT,
        "(call.streaming and not began and attempt.first_token is not None)",
        "False",
        f"{WINDOWED}::test_a_stream_is_timed_once",
    ),
    mutant(
        "H6", "silence is not slow", PERMIT,
        "            waited = attempt.seconds  # it failed without any content",
        "            pass",
        f"{WINDOWED}::test_what_counts_as_slow",
    ),
    # --- what is counted within a window
    mutant(
        "H5", "what is too old still counts", COUNTS,
        "                self.totals[kind] -= self._ring[self._at + kind]\n",
        "",
        f"{COUNTED}::test_what_counts_is_what_happened_within_the_window",
    ),
    mutant(
        "H5", "the clock of another loop stops it", COUNTS,
        "        if self._since - window <= now < self._until:",
        "        if now < self._until:",
        f"{COUNTED}::test_a_clock_that_starts_again_does_not_stop_it",
    ),
]  # fmt: skip  # because: a row is read as one

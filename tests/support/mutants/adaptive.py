"""One-line bugs in how the limit of calls in flight is found, each of which a test has to notice."""

from support.mutants.traps import mutant

LAYER = "layers/bulkhead/adaptive/layer.py"
FINDER = "layers/bulkhead/adaptive/limit_finder.py"
FOUND = "layers/bulkhead/adaptive/found_limits.py"
SLOWNESS = "layers/bulkhead/adaptive/slowness.py"
PLACES = "layers/bulkhead/fair_places.py"
HELD = "layers/bulkhead/held_place.py"

ADAPTIVE = "tests/layers/test_adaptive_limit.py"
ENGINE = "tests/layers/test_limit_finder.py"

MUTANTS = [
    mutant(
        "L1",
        "every refusal of a burst cuts",
        FINDER,
        "        if started <= self._cut_at:\n            return False\n        if self._proved",
        "        if self._proved",
        f"{ENGINE}::test_a_burst_cuts_once",
        f"{ADAPTIVE}::test_a_burst_of_refusals_lowers_it_once",
    ),
    mutant(
        "L2",
        "a limit that nobody uses grows",
        FOUND,
        "            return in_flight == self.finder.limit",
        "            return True",
        f"{ADAPTIVE}::test_it_grows_while_it_is_used",
    ),
    mutant(
        "L2",
        "calls that wait for a connection count as in flight",
        FOUND,
        "        if queued:\n",
        "        if queued < 0:\n",
        f"{ADAPTIVE}::test_what_waits_for_a_connection_does_not_let_it_grow",
    ),
    mutant(
        "L3",
        "it may be outside Retry, which eats refusals",
        PLACES,
        "    place: ClassVar[Place] = Place.ADMIT",
        "    place: ClassVar[Place] = Place.RETRY",
        f"{ADAPTIVE}::test_it_has_its_place",
    ),
    mutant(
        "L4",
        "the whole latency is a sign of overload",
        LAYER,
        "if attempt is not None and call.deployment.streams(identity.account(call)):",
        "if attempt is not None:",
        f"{ADAPTIVE}::test_the_first_token_counts_only_where_answers_are_streamed",
    ),
    mutant(
        "L4",
        "what is usual is never refreshed",
        SLOWNESS,
        "        self._long = (self._long + self._short)[-LONG:]",
        "        self._long = (self._long + self._short)[:LONG]",
        f"{ENGINE}::test_a_provider_has_become_slow_when_p90_has_doubled",
    ),
    mutant(
        "L4",
        "a limit that nobody uses is cut because the provider is slow",
        SLOWNESS,
        "        slow = self._used and",
        "        slow =",
        f"{ENGINE}::test_a_slow_start_cuts_like_a_refusal",
    ),
    mutant(
        "L5",
        "any failure lowers it",
        LAYER,
        "        if attempt.outcome in REFUSALS:",
        "        if attempt.outcome != SUCCEEDED:",
        f"{ADAPTIVE}::test_other_failures_change_nothing",
    ),
    mutant(
        "L5",
        "failures let it grow",
        LAYER,
        "            attempt.outcome == ABANDONED and",
        "            attempt.outcome != '' or",
        f"{ADAPTIVE}::test_other_failures_change_nothing",
        f"{ADAPTIVE}::test_cancelled_and_timed_out_calls_change_nothing",
    ),
    mutant(
        "L6",
        "the ceiling is remembered in seconds",
        FINDER,
        "now - self._ceiling_at > MEMORY * self._service:",
        "now - self._ceiling_at > MEMORY:",
        f"{ENGINE}::test_the_ceiling_is_remembered_in_service_times",
    ),
    mutant(
        "L6",
        "an outage is remembered as a ceiling of 1",
        FINDER,
        "max(self.limit, self._tried // 2), now",
        "self.limit, now",
        f"{ENGINE}::test_while_everything_is_refused_the_way_back_stays_short",
    ),
    mutant(
        "L7",
        "all keys share one limit",
        LAYER,
        "        return identity.target(call), identity.account(call)",
        "        return call.deployment.target, 0",
        f"{ADAPTIVE}::test_each_key_and_model_has_its_own",
    ),
    mutant(
        "L7",
        "limits are kept for ever",
        FOUND,
        "                self._known.popitem(last=False)",
        "                pass",
        f"{ENGINE}::test_so_many_limits_are_remembered",
    ),
    mutant(
        "L8",
        "the clock of the old event loop goes on",
        FINDER,
        "        self._cut_at += seconds",
        "        pass",
        f"{ENGINE}::test_a_new_clock_changes_nothing",
    ),
    mutant(
        "L8",
        "a listener that ends the program keeps a place",
        HELD,
        "            finally:  # what a custom provider reports may be anything",
        "            except ValueError:\n                pass\n            else:",
        f"{ADAPTIVE}::test_a_listener_that_ends_the_program_leaves_no_place",
    ),
]

"""One-line bugs by which the code of others leaves something behind, each of which a test has to notice."""

from support.mutants.traps import PERMIT, mutant

SLOT = "pipeline/asking/connection_slot.py"
ANSWERS = "pipeline/asking/provider_answers.py"
COMPOSE = "pipeline/compose.py"
DELIVERIES = "pipeline/reporting/deliveries.py"
EMITTER = "pipeline/reporting/emitter.py"
SHARED = "layers/breaker/shared/circuit.py"

SLOTS = "tests/pipeline/test_slots.py"
USERS = "tests/pipeline/test_users_providers.py"

MUTANTS = [
    mutant(
        "leaks", "a slot that cannot be taken leaves the timer of its attempt set", SLOT,
        "        timer.fail(error)\n", "",
        f"{SLOTS}::test_slots_that_cannot_be_read_leave_no_timer",
        f"{SLOTS}::test_a_call_cancelled_while_it_takes_a_free_slot_leaves_no_timer",
    ),
    mutant(
        "leaks", "a plain stream function that raises ends the call without an attempt", ANSWERS,
        "    except PLAIN_FAILURES as error:\n        return _failing(error)",
        "    except PLAIN_FAILURES:\n        raise",
        f"{USERS}::test_a_plain_stream_function_that_raises_has_made_an_attempt",
    ),
    mutant(
        "leaks", "a failed layer keeps the stream that it held", COMPOSE,
        "            _close(streams)\n", "",
        "tests/pipeline/test_layer.py::test_a_stream_that_a_failed_layer_held_is_closed",
    ),
    mutant(
        "leaks", "a circuit that a slow stream opens is not reported", PERMIT,
        "            self._time(windows, began=True)\n            self._report_change(before)",
        "            self._time(windows, began=True)",
        "tests/layers/test_windows.py::test_slow_first_tokens_open_it",
    ),
    mutant(
        "leaks", "an async listener runs on the loop of an operator", DELIVERIES,
        "        if home is not None and home is not loop and not home.is_closed():",
        "        if loop is None and home is not None:",
        "tests/pipeline/test_loops.py::test_an_async_listener_runs_on_the_loop_of_its_pipeline",
    ),
    mutant(
        "leaks", "a new listener inherits the failures of a removed one", EMITTER,
        "        self._broken.discard(id(listener))", "        pass",
        "tests/pipeline/test_events.py::"
        "test_the_errors_of_a_listener_at_the_address_of_a_removed_one_are_logged",
    ),
    mutant(
        "leaks", "a usage that is no number is recorded, and cannot be added up", ANSWERS,
        "min(counts) >= 0 and sum(counts) < MAX_TOKENS", "counts is not None",
        f"{USERS}::test_a_nonsensical_usage_counts_as_unknown",
    ),
    mutant(
        "leaks", "a shared circuit waits for a probe that has outlived its lease", SHARED,
        "        self._probes.pop(permit, None)\n        if self.state is HALF_OPEN",
        "        if self._probes.pop(permit, None) is not None and self.state is HALF_OPEN",
        "tests/layers/test_shared_circuit.py::"
        "test_a_probe_that_has_outlived_its_lease_leaves_the_circuit_open_too",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests

"""One-line bugs in what is done about the code of others, each of which a test has to notice."""

from support.mutants.traps import ANSWER, ATTEMPT, CLEANUP, EVICTION, GUARD, PERMIT, REGISTRY, WATCH, mutant

CANCELLATION = "pipeline/timing/cancellation.py"
FOREIGN = "pipeline/asking/foreign.py"
BREAKER = "layers/breaker/layer.py"
FUNCTION_ERRORS = "providers/function_errors.py"

LOST = "tests/pipeline/test_lost_limits.py"
ENDS = "test_a_limit_ends_the_wait_whatever_foreign_code_does"
MISTAKES = "tests/providers/test_function_mistakes.py"

MUTANTS = [
    mutant(
        "L1", "a limit gives up where others have changed the count of cancellations", WATCH,
        "        if task is None or self.ours is not None:",
        "        if task is None or self.ours is not None or task.cancelling() != self._cancelling:",
        f"{LOST}::{ENDS}[fails_in_a_task_group-attempt-fresh]",
    ),
    mutant(
        "L7", "a cancellation that is still to be thrown is taken for the provider's", "caller.py",
        '    return task.cancelling() - getattr(task, "_must_cancel", False)',
        "    return task.cancelling()",
        "tests/pipeline/test_cancelled_while_running.py::test_a_request_is_cancelled_while_its_tenant_is_looked_up",
    ),
    mutant(
        "L7", "a wait forgets a cancellation that is still to be thrown", WATCH,
        'task.cancelling() - getattr(task, "_must_cancel", False)',
        "task.cancelling()",
        "tests/pipeline/test_cancelled_while_running.py::test_a_call_is_cancelled",
    ),
    mutant(
        "L1", "a limit fires once", CANCELLATION,
        "        self._uncancel()\n        self._task.cancel()",
        "        return\n        self._task.cancel()",
        f"{LOST}::{ENDS}[swallows_1-deadline-fresh]",
    ),
    mutant(
        "L1", "each cancellation comes on top of the last", CANCELLATION,
        "        self._uncancel()\n        self._task.cancel()",
        "        self._task.cancel()",
        f"{LOST}::{ENDS}[swallows_4-idle-fresh]",
    ),
    mutant(
        "L1", "a cancellation that others have taken back is taken back again", CANCELLATION,
        "        if self._task.cancelling() > self._before:  # otherwise other code has undone ours",
        "        if self._task.cancelling():",
        f"{LOST}::{ENDS}[takes_our_cancellation_back-attempt-unwinding]",
    ),
    mutant(
        "L1", "a group that comes out of a cancellation is no limit's", WATCH,
        "        return ours.reason if isinstance(error, Exception) else None",
        "        return None",
        f"{LOST}::{ENDS}[fails_when_it_is_cancelled-resolver-fresh]",
    ),
    mutant(
        "L1", "nobody hears of a provider that cannot be stopped", CANCELLATION,
        "        if self._repeated == UNSTOPPABLE:",
        "        if self._repeated < 0:",
        f"{LOST}::test_a_provider_that_swallows_every_cancellation_is_logged_once",
    ),
    mutant(
        "L3", "a lease begins while the probe waits for a connection", PERMIT,
        "        self._circuit.extend(self, self._sent, self._lease(call))",
        "        pass",
        "tests/layers/test_breaker.py::test_a_probe_that_is_asked_again_without_streaming_has_its_lease_anew",
    ),
    mutant(
        "L3", "a lease runs on while a second request waits for a connection", PERMIT,
        "slot_wait(call.limits) + self._lease(call)",
        "self._lease(call)",
        "tests/layers/test_probes.py::test_a_probe_that_waits_for_a_connection_again_is_not_given_up",
        "tests/layers/test_probes.py::test_a_probe_whose_answer_is_repaired_is_not_given_up",
    ),
    mutant(
        "L10", "a layer that answers itself proves the provider", GUARD,
        "            permit.settle(SUCCEEDED if answered else ABANDONED)",
        "            permit.settle(SUCCEEDED)",
        "tests/layers/test_probes.py::test_an_answer_that_no_provider_gave_proves_nothing",
        "tests/layers/test_probes.py::test_an_answer_that_no_provider_gave_does_not_make_up_for_failures",
    ),
    mutant(
        "L3", "a lease knows nothing of first_token and idle", BREAKER,
        "            return math.inf  # silence",
        "            return LEASE_WITHOUT_TIMEOUT  # silence",
        "tests/layers/test_breaker.py::test_a_probe_that_goes_on_within_its_limits_is_never_given_up",
    ),
    mutant(
        "L7", "a CancelledError of a provider's own is the caller's", FOREIGN,
        "    if isinstance(raised, asyncio.CancelledError) and timer.is_theirs(raised):",
        "    if isinstance(raised, asyncio.CancelledError) and timer.ours is raised:",
        f"{LOST}::test_the_error_names_the_provider_and_keeps_the_cause",
    ),
    mutant(
        "L7", "it is compared with no cancellations, and not with those at the beginning", WATCH,
        "        cancelled = task is None or task.cancelling() > self._cancelling",
        "        cancelled = task is None or task.cancelling() > 0",
        f"{LOST}::test_a_provider_that_raises_a_cancelled_error_has_failed[whole-complete-unwinding]",
    ),
    mutant(
        "L7", "a slot is lost where a listener ends the program", ATTEMPT,
        "    except BaseException:  # raised by a listener to end the program",
        "    except Exception:  # raised by a listener to end the program",
        f"{LOST}::test_whatever_a_listener_raises_slots_and_permits_are_given_back[streamed-attempt_started]",
    ),
    mutant(
        "L7", "the place of a probe is lost where a listener ends the program", REGISTRY,
        "            if admitted:\n                permit.settle(ABANDONED)",
        "            if admitted:\n                pass",
        f"{LOST}::test_whatever_a_listener_raises_slots_and_permits_are_given_back[whole-circuit]",
    ),
    mutant(
        "L11", "a stream whose read was cancelled ends as if it were whole", ANSWER,
        "            self._lost = LOST_BY_CANCELLATION",
        "            pass",
        "tests/pipeline/test_stream.py::test_a_cancelled_reader_ends_the_stream_for_all",
    ),
    mutant(
        "L11", "a stream whose pipeline closes ends as if it were whole", ANSWER,
        "            self._lost = LOST_BY_CLOSING",
        "            pass",
        "tests/pipeline/test_closing.py::test_what_is_left_after_the_drain_is_ended",
    ),
    mutant(
        "L12", "an operator's key is always a tuple", "layers/breaker/models.py",
        "        key = key[0]",
        "        pass",
        "tests/layers/test_breaker.py::test_operators_reach_a_circuit_by_whatever_key_it_has",
    ),
    mutant(
        "L12", "a circuit that an operator made keeps the breaker's own rules", REGISTRY,
        "            circuit.rules = self._rules_for(call.deployment)",
        "            pass",
        "tests/layers/test_breaker.py::test_a_circuit_that_an_operator_made_keeps_the_rules_of_its_target",
    ),
    mutant(
        "L12", "a newcomer looks at every open circuit", EVICTION,
        "        if when >= circuit.entered_at:",
        "        if any(each[3].in_flight < 0 for each in self._heap) or when >= circuit.entered_at:",
        "tests/layers/test_registry.py"
        "::test_a_newcomer_to_a_full_registry_of_open_circuits_looks_at_none_of_the_others",
    ),
    mutant(
        "L12", "a pipeline behind a function that failed does not fall over", FUNCTION_ERRORS,
        "        if isinstance(error, AllDeploymentsFailedError):",
        "        if error is None:",
        f"{MISTAKES}::test_a_pipeline_behind_a_function_is_a_target_like_any_other",
    ),
    mutant(
        "L12", "an error that is raised again is the one of the last time", FOREIGN,
        "    fresh = copy.copy(error)",
        "    fresh = error",
        f"{MISTAKES}::test_an_error_that_is_raised_again_keeps_nothing_of_the_last_time",
    ),
    mutant(
        "L12", "what a circuit said of an error stays with it", FOREIGN,
        '        error.__dict__.pop("retry_useless", None)',
        "        pass",
        f"{MISTAKES}::test_an_error_that_two_targets_share_spoils_no_retry",
    ),
    mutant(
        "L12", "a clean-up that fails is what its reader gets", CLEANUP,
        "        if not (late or isinstance(error, Exception) or timer.is_theirs(error)):",
        "        if not late:",
        f"{MISTAKES}::test_a_clean_up_that_fails_after_a_failure_replaces_nothing",
    ),
    mutant(
        "L12", "one caller cancels what a resolver shares with others", "caller.py",
        "asyncio.shield(answer) if asyncio.isfuture(answer) else answer",
        "answer",
        f"{LOST}::test_what_a_resolver_shares_is_not_cancelled_for_everybody",
    ),
    mutant(
        "L11", "a loop over a stream seems whole after a cancelled read", "pipeline/streaming/pending.py",
        "            self._cancelled = True",
        "            pass",
        "tests/pipeline/test_cancelled_reads.py::test_reads_after_a_cancelled_first_one_are_errors",
    ),
    mutant(
        "L11", "a run seems whole after a cancelled read", "pipeline/mapping/run.py",
        "            self._cancelled = True",
        "            pass",
        "tests/pipeline/test_cancelled_reads.py::test_reads_after_a_cancelled_one_are_errors",
    ),
    mutant(
        "L12", "callers share an answer that a provider keeps", "pipeline/asking/attempt.py",
        "        return Response(*values_of(answer))",
        "        return answer",
        "tests/pipeline/test_users_providers.py::test_an_answer_that_a_provider_keeps_is_each_callers_own",
    ),
    mutant(
        "L12", "a pipeline that closes cancels what a listener shares", "pipeline/reporting/deliveries.py",
        "            await shielded(deliver())",
        "            await deliver()",
        "tests/pipeline/test_shared_futures.py::test_a_future_that_a_listener_returns_outlives_the_pipeline",
    ),
    mutant(
        "L12", "each call has a circuit of its own", "pipeline/asking/users_function.py",
        " and bool(key == key)",
        "",
        "tests/layers/test_users_functions.py::test_a_key_that_is_not_equal_to_itself_is_none",
    ),
    mutant(
        "L12", "a name that is repeated is joined", "pipeline/streaming/bounded_events.py",
        "            event = self.collector.without_repeats(event)",
        "            pass",
        "tests/pipeline/test_stream.py::test_the_id_and_the_name_of_a_call_are_handed_out_once",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""L1 limits, L3 leases, L7 errors of others, L11 streams cut short, L12 the rest."""

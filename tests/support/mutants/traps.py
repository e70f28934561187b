"""One-line bugs, each of which the test of its trap has to notice."""

from __future__ import annotations

from dataclasses import dataclass

GUARD = "pipeline/guard.py"
OUTCOME = "pipeline/outcome.py"
BREAKER_SETTINGS = "layers/breaker/settings.py"
CIRCUIT = "layers/breaker/circuit.py"
PERMIT = "layers/breaker/permit.py"
REGISTRY = "layers/breaker/registry.py"
RETRY = "layers/retry/layer.py"
BACKOFF = "layers/retry/backoff.py"
ATTEMPT = "pipeline/asking/attempt.py"
WATCH = "pipeline/timing/wait_timer.py"
SOURCE = "pipeline/streaming/bounded_events.py"
STREAM = "pipeline/streaming/stream.py"
ANSWER = "pipeline/streaming/streamed_answer.py"
CLEANUP = "pipeline/timing/cleanup.py"
EVENTS = "pipeline/reporting/emitter.py"
EVICTION = "layers/breaker/eviction.py"


@dataclass(frozen=True)
class Mutant:
    """A bug.

    Attributes:
        trap: The trap that it falls into.
        bug: What it does wrong.
        file: Where, below `src/ranvier`.
        line: The fragment of the source that it replaces; it occurs once.
        mutation: What it puts there.
        tests: `file::test` of those that have to fail, below `tests/traps` or by their whole path.
    """

    trap: str
    bug: str
    file: str
    line: str
    mutation: str
    tests: tuple[str, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """The tests, as pytest calls them."""
        return tuple(test if test.startswith("tests/") else f"tests/traps/{test}" for test in self.tests)


def mutant(trap: str, bug: str, file: str, line: str, mutation: str, *tests: str) -> Mutant:
    """A row of the table."""
    return Mutant(trap, bug, file, line, mutation, tests)


MUTANTS = [
    # --- probes and circuits
    mutant(
        "T1", "a cancelled probe keeps its place", GUARD,
        "        except BaseException as error:",
        "        except Exception as error:",
        "test_probe_traps.py::test_t01_a_cancelled_probe_gives_its_place_back_and_decides_nothing",
    ),
    mutant(
        "T2", "a result counts in whatever generation it finds", CIRCUIT,
        "        if generation != self.generation:",
        "        if generation > self.generation:",
        "test_probe_traps.py::test_t02_a_late_result_decides_nothing_about_a_state_it_knows_nothing_of",
    ),
    mutant(
        "T3", "whoever ends gives back the place of some probe", CIRCUIT,
        "self._probes.pop(permit, None)",
        "self._probes.popitem()[1]",
        "test_probe_traps.py::test_t03_a_late_result_frees_no_place_but_its_own",
    ),
    mutant(
        "T3", "a permit settles as often as it is told to", PERMIT,
        "        if self._settled:",
        "        if False:",
        "test_probe_traps.py::test_t03_a_permit_settles_once",
    ),
    mutant(
        "T4", "a hung probe is waited for for ever", CIRCUIT,
        "        if any(until <= now for until in self._probes.values()):",
        "        if any(until < 0 for until in self._probes.values()):",
        "test_probe_traps.py::test_t04_a_hung_probe_is_given_up_when_its_lease_runs_out",
    ),
    mutant(
        "T4", "a probe closes the circuit after its lease has run out", CIRCUIT,
        "        if until > now:\n            return True",
        "        if until > 0:\n            return True",
        "test_probe_traps.py::test_t04_a_probe_that_answers_after_its_lease_closes_nothing",
    ),
    mutant(
        "T5", "an outcome that does not count keeps the place", CIRCUIT,
        "        if self._probes is not None:\n"
        "            self._leave(permit, clock())\n        if generation",
        "        if self._probes is not None and outcome is not Outcome.ABANDONED:\n"
        "            self._leave(permit, clock())\n        if generation",
        "test_probe_traps.py::test_t05_a_probe_whose_request_was_wrong_gives_its_place_back",
    ),
    mutant(
        "T6", "a listener that raises breaks the call", EVENTS,
        "                result = listener(event) if context is None else context.run(listener, event)"
        "\n            except PLAIN_FAILURES:",
        "                result = listener(event) if context is None else context.run(listener, event)"
        "\n            except RuntimeError:",
        "test_listener_traps.py::test_t06_a_listener_that_raises_breaks_no_call",
    ),
    mutant(
        "T6", "what one layer does at the end of a stream keeps others from hearing of it", OUTCOME,
        "            callback(outcome)\n        except (Exception, asyncio.CancelledError):",
        "            callback(outcome)\n        except RuntimeError:",
        "test_circuit_traps.py::test_t06_a_layer_that_raises_at_the_end_of_a_stream_keeps_no_place",
    ),
    mutant(
        "T7", "what is no error of ours counts as a failure", OUTCOME,
        "        return cls.ABANDONED",
        "        return cls.FAILED",
        "test_circuit_traps.py::test_t07_what_is_no_exception_gives_the_place_back_and_counts_nothing",
    ),
    mutant(
        "T8", "an outcome waits for listeners before it takes effect", GUARD,
        "            permit.failed(error)",
        "            await call.pipeline.events.drain(); permit.failed(error)",
        "test_listener_traps.py::test_t08_an_outcome_takes_effect_before_anything_else_can_happen",
    ),
    mutant(
        "T9", "one probe too many passes", CIRCUIT,
        "        if len(self._probes) >= self.rules.max_probes:",
        "        if len(self._probes) > self.rules.max_probes:",
        "test_probe_traps.py::test_t09_of_a_thousand_callers_exactly_the_probes_pass",
    ),
    mutant(
        "T9", "cooldowns have no jitter", BREAKER_SETTINGS,
        "        return cooldown * (1.0 + 0.2 * self.rng())",
        "        return cooldown",
        "test_probe_traps.py::test_t09_circuits_of_many_tenants_do_not_probe_in_step",
    ),
    mutant(
        "T10", "time is the wall clock's", "clock.py",
        "    return time.monotonic if monotonic else loop.time",
        "    return time.time",
        "test_clock_traps.py::test_t10_a_jump_of_the_wall_clock_changes_nothing",
    ),
    mutant(
        "T10", "a layer reads a clock of its own", CIRCUIT,
        "import asyncio\n",
        "import asyncio\nfrom time import time\n",
        "test_clock_traps.py::test_t10_time_is_read_in_one_place",
    ),
    mutant(
        "T11", "events are delivered from inside the delivery of others", EVENTS,
        "        if self._delivering:",
        "        if len(self._queue) > 9:",
        "test_listener_traps.py::test_t11_transitions_caused_by_listeners_do_not_pile_up_on_the_stack",
    ),
    mutant(
        "T11", "a failed probe opens whatever state it finds", CIRCUIT,
        "        if self.state in (CLOSED, HALF_OPEN):",
        "        if self.state is not OPEN:",
        "test_circuit_traps.py::test_t15_an_isolation_outlives_the_break_of_a_proved_probe",
    ),
    mutant(
        "T15", "a cooldown ends an isolation", CIRCUIT,
        "        return self.state is ISOLATED or (self.state is OPEN and now < self.reopens_at)",
        "        return self.state in (OPEN, ISOLATED) and now < self.reopens_at",
        "test_circuit_traps.py::test_t15_isolation_outlives_cooldowns_leases_and_late_results",
    ),
    mutant(
        "T18", "one instance is raised for all rejections", PERMIT,
        "    raise rejection(call, circuit, now)",
        "    raise globals().setdefault('refusal', rejection(call, circuit, now))",
        "test_circuit_traps.py::test_t18_each_rejection_is_an_error_of_its_own",
    ),
    mutant(
        "T19", "a listener hears of the second change before the first", EVENTS,
        "        if self._delivering:",
        "        if not self._queue:",
        "test_listener_traps.py::test_t19_listeners_hear_of_committed_states_in_order_and_may_act_on_them",
    ),
    mutant(
        "T22", "a circuit is forgotten while a second call is in flight", REGISTRY,
        "        if circuit.in_flight > 0:\n            return",
        "        if circuit.in_flight > 1:\n            return",
        "test_circuit_traps.py::test_t22_a_circuit_with_a_call_in_flight_is_never_forgotten",
    ),
    mutant(
        "T22", "an open circuit is forgotten as soon as its cooldown is over", EVICTION,
        "IDLE_OPEN_SECONDS = 600.0",
        "IDLE_OPEN_SECONDS = 0.0",
        "test_circuit_traps.py::test_t22_an_open_circuit_is_remembered_for_ten_idle_minutes_after_its_cooldown",
    ),
    mutant(
        "T22", "a circuit is forgotten while it is probed", EVICTION,
        "            idle = circuit.state in (OPEN, HALF_OPEN) and circuit.in_flight == 0",
        "            idle = circuit.state in (OPEN, HALF_OPEN)",
        "test_circuit_traps.py::test_t22_a_half_open_circuit_is_never_forgotten_while_it_is_probed",
    ),
    # --- retries
    mutant(
        "T13", "attempts are counted on the layer, for all calls together", RETRY,
        "        if call.attempt > self.max_retries or error.retry_useless:",
        "        self.used = getattr(self, 'used', 0) + 1\n"
        "        if self.used > self.max_retries or error.retry_useless:",
        "test_retry_traps.py::test_t13_a_thousand_calls_through_one_retry_share_nothing",
    ),
    mutant(
        "T24", "it sleeps although the circuit has opened", RETRY,
        "        if call.attempt > self.max_retries or error.retry_useless:",
        "        if call.attempt > self.max_retries:",
        "test_retry_traps.py::test_t24_when_its_own_failure_opens_the_circuit_a_call_goes_on_at_once",
    ),
    mutant(
        "T24", "the rejection hides what the provider said", RETRY,
        "                    raise failed from None",
        "                    raise",
        "test_retry_traps.py::test_t24_when_others_open_the_circuit_the_providers_own_error_is_told",
    ),
    mutant(
        "T25", "chance is taken from what was asked", BACKOFF,
        "        return max(wait, retry_after + extra)",
        "        return max(wait, retry_after - extra)",
        "test_retry_traps.py::test_t25_a_retry_never_comes_earlier_than_the_provider_asked",
    ),
    mutant(
        "T25", "what was asked is shortened to max_delay", RETRY,
        "        if retry_after is not None and retry_after > self.max_delay:\n            return None",
        "        retry_after = None if retry_after is None else min(retry_after, self.max_delay)",
        "test_retry_traps.py::test_t25_a_wait_longer_than_max_delay_is_not_begun_and_not_shortened",
    ),
    mutant(
        "T25", "jitter costs an attempt that would have fitted", RETRY,
        "            delay = min(delay, (retry_after + left) / 2)",
        "            delay = max(delay, (retry_after + left) / 2)",
        "test_retry_traps.py::test_t25_a_wait_that_fits_the_deadline_is_not_lost_to_chance",
    ),
    mutant(
        "T26", "it sleeps past the deadline", RETRY,
        "        return delay if delay < left else None",
        "        return delay",
        "test_retry_traps.py::test_t26_it_never_sleeps_past_the_deadline",
    ),
    mutant(
        "T26", "a wait is cut to fit the deadline", RETRY,
        "        return delay if delay < left else None",
        "        return min(delay, left)",
        "test_retry_traps.py::test_t26_it_never_sleeps_past_the_deadline",
    ),
    mutant(
        "T29", "an overflow is no longest wait", BACKOFF,
        "        except OverflowError:",
        "        except ZeroDivisionError:",
        "test_retry_traps.py::test_t29_backoff_does_not_overflow_after_a_thousand_retries",
    ),
    mutant(
        "T33", "the caller's own dict is sent", "messages/request.py",
        "    return copy.deepcopy(dict(extra))",
        "    return dict(extra)",
        "test_retry_traps.py::test_t33_a_retry_sends_what_the_first_attempt_sent",
    ),
    mutant(
        "T33", "a retry changes the call that was passed on", "pipeline/call.py",
        "        call = self._copy()\n        call.attempt = self.attempt + 1",
        "        call = self\n        call.attempt = self.attempt + 1",
        "test_retry_traps.py::test_t33_a_call_that_was_passed_on_is_changed_by_nobody",
    ),
    mutant(
        "T34", "all calls write into one report", "pipeline/reporting/recorder.py",
        "    call.record.attempts += (attempt,)",
        "    call.record.attempts = globals()['every'] = (*globals().get('every', ()), attempt)",
        "test_retry_traps.py::test_t34_every_call_has_a_report_of_its_own",
    ),
    # --- limits and cancellation
    mutant(
        "T12", "a timeout swallows the caller's cancellation", WATCH,
        "            return ours.reason if task.cancelling() <= self._cancelling else None",
        "            return ours.reason",
        "test_cancellation_traps.py::test_t12_a_cancellation_in_the_turn_of_a_timeout_wins",
    ),
    mutant(
        "T12", "a timeout leaves its cancellation behind", WATCH,
        "        self._take_back()\n        if isinstance(error, asyncio.CancelledError):",
        "        self.ours._next.cancel(); self.ours = None; self._cancelling += 1\n"
        "        if isinstance(error, asyncio.CancelledError):",
        "test_cancellation_traps.py::test_t12_a_timeout_leaves_no_cancellation_behind",
    ),
    mutant(
        "T12", "a swallowed cancellation is not taken back", "pipeline/timing/cancellation.py",
        "        self._next.cancel()\n        self._uncancel()",
        "        self._next.cancel()",
        "test_cancellation_traps.py::test_t12_a_provider_that_swallows_our_cancellation_leaves_none_behind",
    ),
    mutant(
        "T12", "an old cancellation is taken for a new one", WATCH,
        "        self._cancelling = task.cancelling() - ",
        "        self._cancelling = 0 * ",
        "test_cancellation_traps.py::test_t12_a_call_in_a_task_that_unwinds_is_bounded_too",
    ),
    mutant(
        "T14", "a cancelled whole answer keeps its slot", ATTEMPT,
        "    finally:\n        timer.end()",
        "    except GeneratorExit:\n        pass\n    else:\n        timer.end()",
        "test_cancellation_traps.py::test_t14_no_cancellation_loses_a_slot",
    ),
    mutant(
        "T14", "a stream's slot comes back only after a good end", ATTEMPT,
        "        stream.on_end(lambda outcome: release_slot(slots))",
        "        stream.on_end(lambda outcome: outcome.value == 'succeeded' and release_slot(slots))",
        "test_cancellation_traps.py::test_t14_no_cancellation_loses_a_slot",
    ),
    mutant(
        "T32", "classify is asked about a cancelled answer", "providers/function.py",
        "            answer = await answer\n        except Exception as error:",
        "            answer = await answer\n        except BaseException as error:",
        "test_cancellation_traps.py::test_t32_classify_is_never_asked_about_a_cancellation",
    ),
    mutant(
        "T32", "a cancelled resolver is a missing key", "pipeline/credentials/lookups.py",
        "        if isinstance(error, Exception) or timer.is_theirs(error):",
        "        if isinstance(error, BaseException):",
        "test_cancellation_traps.py::test_t32_a_resolver_that_is_cancelled_is_no_missing_key",
    ),
    mutant(
        "T35", "negative seconds pass", "validation.py",
        "    if not is_number(value) or value < 0:",
        "    if not is_number(value):",
        "test_limit_traps.py::test_t35_negative_seconds_and_other_nonsense_are_refused",
    ),
    mutant(
        "T35", "zero is off", WATCH,
        "        if seconds is not None and (due is None",
        "        if seconds and (due is None",
        "test_limit_traps.py::test_t35_zero_is_at_once",
    ),
    mutant(
        "T35", "None is a limit too", "pipeline/pipeline.py",
        "            own = None if stack.timed_by is None else stack.timed_by.seconds",
        "            own = None if stack.timed_by is None else stack.timed_by.seconds or 60.0",
        "test_limit_traps.py::test_t35_none_is_off",
    ),
    # --- streams
    mutant(
        "T36", "a closed stream is a success", STREAM,
        "        self._end(Outcome.ABANDONED)\n        self._drop_unread()",
        "        self._end(Outcome.SUCCEEDED)\n        self._drop_unread()",
        "test_stream_traps.py::test_t36_a_stream_that_its_reader_leaves_is_closed_and_counts_nothing",
    ),
    mutant(
        "T36", "a dropped stream keeps its place", STREAM,
        "            settle_later(self, self._loop)\n",
        "            pass\n",
        "test_stream_traps.py::test_t36_a_stream_that_its_reader_leaves_is_closed_and_counts_nothing",
    ),
    mutant(
        "T36", "a stream that is dropped with its reader ends twice", STREAM,
        "            self._outcome = Outcome.ABANDONED  #",
        "            #",
        "tests/pipeline/test_stream.py::test_a_stream_dropped_together_with_the_generator_that_reads_it_ends_once",
    ),
    mutant(
        "T37", "a cut is the end", SOURCE,
        "            raise failure\n        finally:",
        "            return None\n        finally:",
        "test_stream_traps.py::test_t37_a_stream_cut_after_its_hand_out_is_told_once_with_what_had_come",
    ),
    mutant(
        "T37", "a stream that broke counts nothing", ANSWER,
        "        self._end(Outcome.of(error), error)",
        "        self._end(Outcome.ABANDONED, error)",
        "test_stream_traps.py::test_t37_a_stream_cut_after_its_hand_out_is_told_once_with_what_had_come",
    ),
    mutant(
        "T38", "a report of usage is the first content", ANSWER,
        "            if event.has_content:\n                return",
        "            if event is not None:\n                return",
        "test_stream_traps.py::test_t38_an_error_inside_a_200_is_retried_while_nobody_has_seen_anything",
    ),
    mutant(
        "T39", "a ping is a first token", SOURCE,
        "earlier(self._bound, began + limits.first_token - self._waited",
        "earlier(self._bound, alive + limits.first_token - self._waited",
        "test_waiting_traps.py::test_t39_pings_and_lifecycle_events_are_not_the_first_token",
    ),
    mutant(
        "T39", "a ping is no sign of life", SOURCE,
        "inf if limits.idle is None else alive + limits.idle",
        "inf if limits.idle is None else began + limits.idle",
        "test_waiting_traps.py::test_t39_silence_within_an_answer_ends_after_idle_seconds",
    ),
    mutant(
        "T39", "the reader's time is charged to the provider", SOURCE,
        "        self._waited += self._clock() - began",
        "        self._waited = self._clock() - self._call.record.attempts[-1].started",
        "test_waiting_traps.py::test_t39_the_time_that_the_reader_holds_an_event_is_not_the_providers",
    ),
    mutant(
        "T40", "a stream is a success at its hand-out", GUARD,
        "            answer.on_end(permit.settle)",
        "            permit.settle(Outcome.SUCCEEDED)",
        "test_stream_traps.py::test_t40_a_stream_is_no_success_before_its_terminal_event",
        "test_stream_traps.py::test_t40_streams_that_break_before_their_end_open_the_circuit",
    ),
    mutant(
        "T40", "an end settles as often as it is met", ANSWER,
        "        if self._outcome is not None:\n            return\n        self._outcome = outcome",
        "        self._outcome = outcome",
        "test_stream_traps.py::test_t40_a_stream_settles_once_however_it_ends",
    ),
    mutant(
        "T41", "the timer runs on while the reader has the word", WATCH,
        "            self._take_back()\n        self._task = None\n\n    def ended_by",
        "            self._take_back()\n\n    def ended_by",
        "test_waiting_traps.py::test_t41_no_limit_of_ours_reaches_into_the_reader",
    ),
    mutant(
        "T41", "the timer cancels the task that began the stream", WATCH,
        "        self._task = task = asyncio.current_task(pipeline.loop)",
        "        self._task = task = WaitTimer.t = vars(WaitTimer).get('t') or asyncio.current_task()",
        "test_waiting_traps.py::test_t41_each_event_may_be_read_by_another_task",
    ),
    mutant(
        "T42", "a streaming probe holds its place to the end", GUARD,
        "            permit.proved()",
        "            pass",
        "test_probe_traps.py::test_t42_a_streaming_probe_has_proved_the_provider_at_its_first_event",
    ),
    mutant(
        "T42", "the later break of a proved probe is lost", PERMIT,
        "            self._generation = circuit.generation",
        "            pass",
        "test_probe_traps.py::test_t42_the_later_break_of_a_proved_probe_still_counts",
    ),
    mutant(
        "T42", "the good end of a proved probe counts again", PERMIT,
        "            outcome = FAILED if outcome is FAILED else ABANDONED",
        "            pass",
        "test_probe_traps.py::test_t42_a_proved_probe_counts_once",
    ),
]  # fmt: skip  # because: a row reads trap, bug, file; line; mutation; tests
"""In the order of `tests/traps`."""

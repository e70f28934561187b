"""One-line bugs in what is left of the limits of a key, each of which a test has to notice."""

from support.mutants.traps import mutant

ALLOWANCE = "layers/pacing/allowance.py"
REFILL = "layers/pacing/refill.py"
HELD = "layers/pacing/held_allowance.py"
LAYER = "layers/pacing/layer.py"
QUEUE = "layers/pacing/paced_key.py"
ESTIMATES = "layers/pacing/estimates.py"
HEADERS = "providers/_reading/rate_limits.py"
SENDING = "providers/_repairs/repairs.py"

PACING = "tests/layers/test_pacing.py"
LIMITS = "tests/layers/test_pacing_limits.py"
READ = "tests/providers/test_rate_limits.py"

MUTANTS = [
    mutant(
        "P1",
        "a stale answer raises what is left",
        ALLOWANCE,
        "        if remaining is None or number < self._counted:",
        "        if remaining is None:",
        f"{PACING}::test_stale_answers_out_of_order_raise_nothing",
        f"{LIMITS}::TestPacer",
    ),
    mutant(
        "P1",
        "what was sent after an answer was counted is not subtracted",
        ALLOWANCE,
        "self._correct(min(remaining - believed, ",
        "self._correct(min(remaining - self.level, ",
        f"{PACING}::test_what_was_sent_after_an_answer_was_counted_is_subtracted",
        f"{LIMITS}::test_a_correction_counts_from_when_the_request_was_sent",
    ),
    mutant(
        "P1",
        "what a newer request returned counts for older ones",
        ALLOWANCE,
        "for each, amount in self._returned if each > number)",
        "for each, amount in self._returned if each < 0)",
        f"{LIMITS}::TestPacer",
    ),
    mutant(
        "P1",
        "what a request gave back counts before it was sent",
        ALLOWANCE,
        "peak - amount * (each <= number)",
        "peak",
        f"{LIMITS}::test_what_is_given_back_leaves_room_for_what_is_added",
    ),
    mutant(
        "P1",
        "an answer adds to a limit that was full since",
        ALLOWANCE,
        "self._correct(min(remaining - believed, self._room(limit)))",
        "self._correct(remaining - believed)",
        f"{LIMITS}::test_nothing_is_added_to_a_limit_that_was_full_since",
        f"{LIMITS}::test_what_would_not_have_fitted_since_is_not_added",
    ),
    mutant(
        "P2",
        "a rejected request is counted",
        HELD,
        "            self._paced.limits.give_back(reservation)\n            self._reservation = None",
        "            self._reservation = None",
        f"{PACING}::test_a_rejected_request_is_not_counted_and_shows_what_is_left",
    ),
    mutant(
        "P2",
        "a window is taken for a bucket",
        REFILL,
        "(1 if later > passed / 2 else -1)",
        "1",
        f"{PACING}::test_a_fixed_window_is_used_up_and_waited_for",
        f"{LIMITS}::test_a_window_is_used_up_and_not_exceeded",
    ),
    mutant(
        "P2",
        "an answer of the last window counts in the next",
        REFILL,
        "        return not self.bucket and sent < self._renewed",
        "        return False",
        f"{LIMITS}::test_a_late_answer_does_not_end_the_next_window",
    ),
    mutant(
        "P3",
        "no margin for estimates that err",
        ALLOWANCE,
        "        if self._errors:",
        "        if False:",
        f"{LIMITS}::test_estimates_that_err_leave_a_margin",
    ),
    mutant(
        "P3",
        "a call larger than its limit never fits",
        ALLOWANCE,
        "        return min(cost, self.limit) - self.left(now)",
        "        return cost - self.left(now)",
        f"{LIMITS}::test_a_full_limit_admits_a_call_that_is_larger",
    ),
    mutant(
        "P3",
        "a tenant is estimated like all others",
        ESTIMATES,
        "        usual = self._tenants.get(tenant, self._all)",
        "        usual = self._all",
        f"{PACING}::test_the_estimate_follows_what_the_tenant_uses",
        f"{LIMITS}::test_an_estimate_is_learned_per_tenant_and_limited_by_the_request",
    ),
    mutant(
        "P4",
        "a hedge waits for the limits",
        LAYER,
        "        if not may_queue(call):",
        "        if call.watch.last_target:",
        f"{PACING}::test_a_hedge_never_waits",
    ),
    mutant(
        "P4",
        "a call waits though a later target would take it",
        LAYER,
        "return waiting_helps(call, math.inf if due is None else due, self)",
        "return True",
        f"{PACING}::test_a_call_falls_back_at_once_if_a_later_target_would_take_it",
    ),
    mutant(
        "P4",
        "a call waits for what comes too late",
        LAYER,
        "now + paced.seconds_for(costs, call.tenant, weight, now) >= due:",
        "now >= due:",
        f"{PACING}::test_a_wait_that_takes_too_long_is_not_begun",
    ),
    mutant(
        "P4",
        "a newcomer overtakes the calls that wait",
        QUEUE,
        "        return not self.queue.waiting and self.limits.fits(costs, now)",
        "        return self.limits.fits(costs, now)",
        f"{PACING}::test_a_newcomer_does_not_overtake_a_larger_call_that_waits",
    ),
    mutant(
        "P5",
        "a stream settles when it is handed out",
        "pipeline/waiting/carry.py",
        "                answer.on_end(held.end)",
        "                held.end()",
        f"{PACING}::test_a_stream_settles_when_it_ends_or_is_dropped",
    ),
    mutant(
        "P5",
        "a reservation is held while waiting at a gate",
        HELD,
        '        """Release the reservation, because the call begins to wait further in."""\n'
        "        self._release(Costs(0.0))",
        '        """Release the reservation, because the call begins to wait further in."""',
        f"{PACING}::test_a_call_that_waits_at_a_gate_reserves_nothing",
    ),
    mutant(
        "P5",
        "a place in a bulkhead is held while waiting for the limits",
        HELD,
        "            self._outer.give_back()\n        turn = ",
        "            pass\n        turn = ",
        f"{PACING}::test_a_call_that_waits_holds_no_place_in_a_bulkhead",
    ),
    mutant(
        "P5",
        "what was not sent is settled as if it was",
        HELD,
        "            if used is not None and not used.requests:",
        "            if False:",
        f"{PACING}::test_nothing_sent_uses_nothing",
    ),
    mutant(
        "P5",
        "the reservation of a cancelled call is lost",
        HELD,
        "            if how != ADMITTED:\n                self._release(Costs(0.0))",
        "            if how and how != ADMITTED:\n                self._release(Costs(0.0))",
        f"{PACING}::test_no_cancellation_leaves_a_reservation",
    ),
    mutant(
        "P6",
        "a time counts from the local clock",
        HEADERS,
        "seconds = None if then is None or now is None else",
        "seconds = None if then is None else 1.0 if now is None else",
        f"{READ}::test_a_time_without_a_date_says_nothing",
    ),
    mutant(
        "P6",
        "a limit of 0 closes a key for ever",
        HEADERS,
        "    if remaining is None or limit == 0:",
        "    if remaining is None:",
        f"{READ}::test_what_others_send",
    ),
    mutant(
        "P6",
        "headers are read for every call",
        SENDING,
        "        if on_limits is not None and (limits := rate_limits(reply.headers)) is not None:",
        "        if (limits := rate_limits(reply.headers)) is not None and on_limits is not None:",
        f"{READ}::test_headers_are_not_read_without_a_layer_that_wants_them",
    ),
    mutant(
        "P6",
        "a 429 counts as accepted",
        SENDING,
        "            on_limits(limits, reply.status != 429)",
        "            on_limits(limits, True)",
        f"{READ}::test_a_rejected_request_is_given_back",
    ),
]

"""One-line bugs in whom a failure concerns and who waits for it, each of which a test has to notice."""

from support.mutants.traps import mutant

KEYS = "layers/throttle/keys.py"
THROTTLE = "layers/throttle/layer.py"
GATE = "layers/throttle/gate.py"
WAIT_QUEUE = "layers/throttle/wait_queue.py"
WAITING = "layers/throttle/waiting.py"
WORTH = "pipeline/waiting/worth.py"
LATER = "pipeline/waiting/later.py"
SCOPE = "providers/_failures/scope.py"

GATES = "tests/layers/test_gates.py"
ORDER = "tests/layers/test_throttle_order.py"
MACHINE = "tests/layers/test_throttle_gate.py"
SCOPES = "tests/providers/test_scopes.py"

MUTANTS = [
    mutant(
        "G1", "a gate by key where it should be by key and model", KEYS,
        "return whole if scope in _OF_KEY else of_model if scope in _OF_MODEL else None",
        "return whole if scope in _OF_KEY + _OF_MODEL else None",
        f"{GATES}::test_a_failure_closes_the_gate_that_it_is_about",
        f"{GATES}::test_the_eight_calls_after_a_429_are_answered_by_the_sister_model",
    ),
    mutant(
        "G1", "a rejected key is used for its other models", KEYS,
        "return whole if scope in _OF_KEY else of_model if scope in _OF_MODEL else None",
        "return of_model if scope in _OF_KEY + _OF_MODEL else None",
        f"{GATES}::test_a_failure_closes_the_gate_that_it_is_about",
    ),
    mutant(
        "G1", "a request too large for the key closes its gate", KEYS,
        "return whole if scope in _OF_KEY else of_model if scope in _OF_MODEL else None",
        "return whole if scope in _OF_KEY else of_model",
        f"{GATES}::test_a_failure_of_one_request_closes_no_gate",
    ),
    mutant(
        "G2", "a call waits though a later target would take it", WORTH,
        "    return call.pipeline.clock() + wait < due and not later_target_admits(call)",
        "    return call.pipeline.clock() + wait < due",
        f"{GATES}::test_a_call_does_not_wait_where_a_later_target_would_take_it",
    ),
    mutant(
        "G2", "a call waits though its turn comes too late", THROTTLE,
        "now + gate.admits_in(call.tenant, turn.weight, now) >= due",
        "now + gate.opens_in(now) >= due",
        f"{GATES}::test_a_call_whose_turn_would_come_too_late_goes_on_at_once",
    ),
    mutant(
        "G2", "each wait at a gate is as long as the first", WAITING,
        'max_wait - waited(call, "gate"), call.deadline',
        "max_wait, call.deadline",
        f"{GATES}::test_all_waits_of_a_call_at_its_gates_are_one_wait",
        f"{ORDER}::test_one_max_wait_bounds_the_waits_of_all_attempts_at_a_target",
    ),
    mutant(
        "G2", "a layer that would reject the call is not asked", LATER,
        "            if all(layer.admits_now(asked) for layer in call.pipeline.layers):",
        "            if call.pipeline.layers:",
        f"{GATES}::test_a_call_waits_where_no_later_target_would_take_it",
    ),
    mutant(
        "G3", "a call keeps its place at one gate while it waits at the other", THROTTLE,
        "                ticket.leave()  # or it would keep a place at one gate while it waits at the other",
        "                pass",
        f"{GATES}::test_a_call_holds_no_place_at_one_gate_while_it_waits_at_the_other",
    ),
    mutant(
        "G3", "calls wait for a key that was rejected", THROTTLE,
        "                queue.dismiss(call.pipeline.clock())",
        "                pass",
        f"{GATES}::test_no_call_waits_for_a_key_that_is_rejected_meanwhile",
    ),
    mutant(
        "G3", "a call that is admitted is sent without its place", "pipeline/queueing/waiter.py",
        "                self.end(MOVED)\n                return False\n",
        "                pass\n",
        f"{ORDER}::test_a_call_that_is_admitted_without_a_free_place_holds_up_nobody_at_the_gate",
    ),
    mutant(
        "G3", "a call that was cancelled as it was woken keeps its turn", WAIT_QUEUE,
        "            if how != ADMITTED:\n                ticket.leave()",
        "            if how and how != ADMITTED:\n                ticket.leave()",
        f"{ORDER}::test_no_cancellation_keeps_a_place_or_a_turn",
        f"{ORDER}::test_a_cancelled_crowd_leaves_nothing_behind",
    ),
    mutant(
        "G3", "calls of a round that is over keep its places", GATE,
        "            self.queue.leave(entry, now)",
        "            pass",
        f"{MACHINE}::test_after_its_time_one_passes_then_twice_as_many_in_their_order",
    ),
    mutant(
        "G5", "all tenants wait in one line", WAIT_QUEUE,
        "self.gate.queue.wait(waiter, call.tenant, now,",
        'self.gate.queue.wait(waiter, "all", now,',
        f"{ORDER}::test_a_burst_of_one_tenant_does_not_hold_up_the_others",
    ),
    mutant(
        "G5", "weights and priorities do not count at a gate", WAITING,
        "(1.0, 0) if call.held is None else call.held.standing()",
        "1.0, 0",
        f"{ORDER}::test_weights_and_priorities_of_the_bulkhead_count_at_the_gate_too",
    ),
    mutant(
        "G5", "the call that was removed from a full queue waits on", WAIT_QUEUE,
        "            _end(removed, FULL)",
        "            pass",
        f"{ORDER}::test_a_full_queue_rejects_the_tenant_with_most_waiting_calls",
    ),
    mutant(
        "G5", "a tenant is charged for a call that was not sent", GATE,
        "None if sent else 0.0",
        "None",
        f"{MACHINE}::test_a_call_that_was_not_sent_is_charged_a_quarter",
    ),
    mutant(
        "G5", "a call that was sent back waits behind the later calls of its tenant", WAITING,
        'first=waited(call, "gate") > 0',
        "first=False",
        f"{ORDER}::test_a_call_that_was_sent_back_goes_ahead_of_the_later_calls_of_its_tenant",
    ),
    mutant(
        "G6", "a waiting call is not sent on", THROTTLE,
        "lambda: gate.until < due and waiting_helps(call, due, self)",
        "lambda: True",
        f"{ORDER}::test_a_waiting_call_goes_on_when_a_later_target_would_take_it",
        f"{ORDER}::test_a_waiting_call_goes_on_when_its_circuit_opens",
    ),
    mutant(
        "G6", "a call waits for a gate that opens too late", THROTTLE,
        "lambda: gate.until < due and waiting_helps",
        "lambda: waiting_helps",
        f"{ORDER}::test_a_waiting_call_goes_on_when_the_gate_stays_closed_for_longer_than_it_may_wait",
    ),
    mutant(
        "G6", "a rescued call waits at a gate", "layers/fallback/contestant.py",
        "        self.rescued = race.rescued",
        "        self.rescued = False",
        f"{ORDER}::test_a_rescued_call_does_not_wait_at_a_gate",
    ),
    mutant(
        "G4", "a gateway's page is about the model", SCOPE,
        "        return Scope.ENDPOINT",
        "        return None",
        f"{SCOPES}::test_every_wire_says_what_a_failure_is_about",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests

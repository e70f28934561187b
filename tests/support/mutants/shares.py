"""One-line bugs in who has a place and who goes next, each of which a test has to notice."""

from support.mutants.traps import mutant

LAYER = "layers/bulkhead/fair_places.py"
HELD = "layers/bulkhead/held_place.py"
TIME = "pipeline/queueing/virtual_time.py"
TENANTS = "pipeline/queueing/tenants.py"
CROWD = "pipeline/queueing/crowd.py"
AGEING = "pipeline/queueing/ageing.py"
WAITING = "layers/throttle/waiting.py"
WORTH = "pipeline/waiting/worth.py"
ORDER = "pipeline/order.py"

BULKHEAD = "tests/layers/test_bulkhead.py"
FAIR = "tests/layers/test_fair_queue.py"
ORDERED = "tests/layers/test_throttle_order.py"

MUTANTS = [
    mutant(
        "S1",
        "a call without what it needs further out keeps its place until its task runs",
        "layers/bulkhead/places.py",
        "                    self.queue.leave(entry, now, 0.0)",
        "                    pass",
        "tests/layers/test_layers_together.py"
        "::test_calls_never_pass_places_around_without_being_sent[False-2]",
    ),
    mutant(
        "B1",
        "a place is kept after a stream was closed early",
        HELD,
        "        if self._entry is not None and self._places is not None:\n            cost =",
        '        if self._entry is not None and str(outcome) != "Outcome.ABANDONED":\n            cost =',
        f"{BULKHEAD}::test_a_stream_holds_its_place_until_it_ends",
    ),
    mutant(
        "B1",
        "a place is passed on when the stream is handed out",
        "pipeline/waiting/carry.py",
        "                answer.on_end(held.end)",
        "                held.end()",
        f"{BULKHEAD}::test_a_stream_holds_its_place_until_it_ends",
    ),
    mutant(
        "B2",
        "a place is held while waiting at a gate",
        WAITING,
        "        call.held.give_back()",
        "        pass",
        f"{BULKHEAD}::test_a_call_that_waits_at_a_gate_holds_no_place",
    ),
    mutant(
        "B3",
        "a probe waits for a place",
        WORTH,
        "    return not any(layer.may_probe(call) for layer in call.pipeline.layers)",
        "    return True",
        f"{BULKHEAD}::test_a_probe_never_waits_for_a_place",
        f"{ORDERED}::test_a_probe_does_not_wait_at_a_gate",
    ),
    mutant(
        "B3",
        "a queue may be inside the place of a probe",
        ORDER,
        "    return layer.place, layer.innermost - layer.outermost",
        "    return layer.place, 0",
        f"{BULKHEAD}::test_it_has_to_be_outside_throttle_and_breaker",
    ),
    mutant(
        "B4",
        "a hedge waits in the queue",
        WORTH,
        "    if not watch.queues or watch.hedged or watch.rescued or watch.last_target:",
        "    if watch.rescued or watch.last_target:",
        f"{BULKHEAD}::test_a_hedge_never_waits_for_a_place",
        f"{ORDERED}::test_a_hedge_does_not_wait_at_a_gate",
    ),
    mutant(
        "B5",
        "a full queue rejects the newcomer",
        CROWD,
        "        return newcomer if newcomer.crowding >= most.crowding else most",
        "        return newcomer",
        f"{BULKHEAD}::test_a_full_queue_rejects_the_tenant_with_most_waiting_calls",
        f"{FAIR}::TestFairQueue",
    ),
    mutant(
        "B6",
        "a call waits though its turn comes too late",
        LAYER,
        "now + places.seconds_for(call.tenant, weight, now) >= due:",
        "now >= due:",
        f"{BULKHEAD}::test_a_call_does_not_wait_for_what_comes_too_late",
    ),
    mutant(
        "B6",
        "a call waits for an open circuit",
        WORTH,
        "    return call.pipeline.clock() + wait < due and not later",
        "    return not later",
        f"{BULKHEAD}::test_a_call_whose_circuit_opens_while_it_waits_is_sent_on",
    ),
    mutant(
        "B7",
        "an idle tenant saves up credit",
        TIME,
        "            tenant.counter = self.now\n",
        "            self.now = tenant.counter\n",
        f"{FAIR}::TestFairQueue",
        f"{FAIR}::test_a_head_is_passed_a_bounded_number_of_times",
    ),
    mutant(
        "B7",
        "a charge is returned after the others have passed it",
        TIME,
        "        if correction > 0 or entry.era == tenant.era:",
        "        if True:",
        f"{FAIR}::test_what_was_charged_for_a_passed_call_is_not_returned",
    ),
    mutant(
        "B8",
        "calls without usage stay the first",
        TIME,
        "max(cost / tenant.weight, LEAST * entry.charge)",
        "cost / tenant.weight",
        f"{FAIR}::test_calls_that_cost_nothing_do_not_stay_the_first",
    ),
    mutant(
        "B8",
        "a call that is not urgent waits for ever",
        AGEING,
        "            head.urgency -= 1",
        "            return",
        f"{FAIR}::TestFairQueue",
    ),
    mutant(
        "B9",
        "the place of a cancelled call is lost",
        HELD,
        "            if how != ADMITTED:\n                self._leave(None)",
        "            if how and how != ADMITTED:\n                self._leave(None)",
        f"{BULKHEAD}::test_no_cancellation_leaves_a_place",
    ),
    mutant(
        "B10",
        "calls that come back are served in reverse order",
        TENANTS,
        "before, after = self.returned, self.head if self.returned is None else self.returned.next",
        "before, after = None, self.head",
        f"{ORDERED}::test_calls_that_are_admitted_without_a_free_place_keep_their_order",
        f"{FAIR}::TestFairQueue",
    ),
    mutant(
        "B11",
        "new settings take idle tenants out of the wrong ranking",
        "pipeline/queueing/fair_queue.py",
        "            if tenant.waiting or tenant.in_flight:  #",
        "            if True:  #",
        f"{FAIR}::test_new_settings_leave_idle_tenants_that_are_ahead_alone",
    ),
]

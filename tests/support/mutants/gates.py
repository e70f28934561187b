"""One-line bugs in whom a failure concerns and who waits for it, each of which a test has to notice."""

from support.mutants.traps import mutant

KEYS = "layers/throttle/keys.py"
THROTTLE = "layers/throttle/layer.py"
LATER = "pipeline/waiting/later.py"
SCOPE = "providers/_failures/scope.py"

GATES = "tests/layers/test_gates.py"
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
        "G2", "a call waits though a later target would take it", THROTTLE,
        "        return due if fits and not later_target_admits(call) else None",
        "        return due if fits else None",
        f"{GATES}::test_a_call_does_not_wait_where_a_later_target_would_take_it",
    ),
    mutant(
        "G2", "a call waits though its turn comes too late", THROTTLE,
        "now + gate.admits_in(now) < due",
        "now + gate.opens_in(now) < due",
        f"{GATES}::test_a_call_whose_turn_would_come_too_late_goes_on_at_once",
    ),
    mutant(
        "G2", "each wait at a gate is as long as the first", THROTTLE,
        "        due = earliest(latest, call.deadline)",
        "        due = earliest(now + self.max_wait, call.deadline)",
        f"{GATES}::test_all_waits_of_a_call_at_its_gates_are_one_wait",
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
        "                queue.dismiss()",
        "                pass",
        f"{GATES}::test_no_call_waits_for_a_key_that_is_rejected_meanwhile",
    ),
    mutant(
        "G4", "a gateway's page is about the model", SCOPE,
        "        return Scope.ENDPOINT",
        "        return None",
        f"{SCOPES}::test_every_wire_says_what_a_failure_is_about",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests

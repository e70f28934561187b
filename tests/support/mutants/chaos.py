"""One-line bugs in the injection of faults, each of which a test has to notice."""

from support.mutants.traps import PERMIT, mutant

CHAOS = "layers/chaos/layer.py"
PROVIDER = "layers/chaos/provider.py"
SHARED_PERMIT = "layers/breaker/shared/permit.py"

TESTS = "tests/layers/test_chaos.py"
TOGETHER = "tests/layers/test_layers_together.py"
NOBODY = "test_no_circuit_and_no_gate_counts_it"
REAL = "test_every_fault_looks_like_a_real_one"

MUTANTS = [
    mutant(
        "F1", "an injected fault is a vote in shared circuits", SHARED_PERMIT,
        "            self._end(ABANDONED, None)",
        "            pass",
        f"{TESTS}::test_a_tenants_circuit_counts_it_if_asked",
    ),
    mutant(
        "F1", "an injected fault opens the circuit of a tenant", "pipeline/guard.py",
        "        if not counted:\n            self.settle(ABANDONED)",
        "        pass",
        f"{TESTS}::{NOBODY}[overloaded-complete]",
    ),
    mutant(
        "F1", "an injected 401 closes the gate of a real key", "layers/throttle/causes.py",
        "    if isinstance(error, RanvierError) and error.injected:\n        return None\n",
        "",
        f"{TESTS}::{NOBODY}[auth-complete]",
    ),
    mutant(
        "F1", "guards do not learn of the fault", "pipeline/guard.py",
        "            if call.pipeline.injects_faults:",
        "            if False:",
        f"{TESTS}::{NOBODY}[overloaded-complete]",
    ),
    mutant(
        "F1", "a silence on purpose is held against the tenant's circuit", PERMIT,
        "        if self._settled or self._silent:\n            return",
        "        if self._silent:\n            return",
        "tests/layers/test_chaos.py::test_a_hedged_silence_on_purpose_counts_nothing",
    ),
    mutant(
        "F1", "a slow answer on purpose teaches when to hedge", "layers/fallback/contestant.py",
        "            if attempt.fault is None:\n                self.times.content(",
        "            if True:\n                self.times.content(",
        f"{TESTS}::test_a_slow_answer_on_purpose_teaches_no_hedge",
    ),
    mutant(
        "F1", "a refusal on purpose lowers the adaptive limit", "layers/bulkhead/adaptive/layer.py",
        "attempt.target == target and attempt.fault is None",
        "attempt.target == target",
        f"{TOGETHER}::test_a_fault_on_purpose_moves_no_adaptive_limit[rate_limit-True]",
    ),
    mutant(
        "F1", "a fault on purpose makes a target of a balance slow", "layers/fallback/balance/sending.py",
        "(attempts[-1].fault is not None or attempts[-1].endpoint is not None)",
        "attempts[-1].endpoint is not None",
        f"{TOGETHER}::test_a_fault_on_purpose_makes_no_target_slow_in_a_balance[reset-0-True]",
    ),
    mutant(
        "F1", "a fault on purpose uses up the limit of a key", "layers/pacing/held_allowance.py",
        " and (each.billable or each.fault is None)",
        "",
        f"{TOGETHER}::test_a_fault_in_place_of_a_request_uses_up_no_limit[network-True]",
    ),
    mutant(
        "F1", "a cut answer that is short ends well", PROVIDER,
        "            if event is not None and event.finish_reason is None:",
        "            if event is not None:",
        f"{TESTS}::test_a_short_answer_is_cut_before_its_end",
    ),
    mutant(
        "F1", "the error does not say that it was injected", "pipeline/reporting/recorder.py",
        "        if attempt.fault is not None:",
        "        if False:",
        f"{TESTS}::{REAL}[stall-first token-complete]",
    ),
    mutant(
        "F1", "a stream that broke does not say that it was injected", "pipeline/asking/interruption.py",
        '    made.injected = getattr(error, "injected", False)\n',
        "",
        f"{TESTS}::{REAL}[cut-first token-stream]",
    ),
    mutant(
        "F1", "it may be outside other layers where the order is not checked", "pipeline/order.py",
        "        if outer.innermost and not inner.innermost:",
        "        if order and outer.innermost and not inner.innermost:",
        f"{TESTS}::test_it_is_rejected_anywhere_but_innermost[Retry-False]",
    ),
    mutant(
        "F1", "the environment does not switch it off", CHAOS,
        "        self.on = os.environ.get(SWITCH, \"\").strip().lower() not in OFF",
        "        self.on = True",
        f"{TESTS}::test_the_environment_switches_it_off[off]",
    ),
    mutant(
        "F1", "it falls silent after its first warning", CHAOS,
        "        if now >= self._reminds_at:",
        "        if False:",
        f"{TESTS}::test_it_is_loud_while_it_is_on",
    ),
    mutant(
        "F1", "a restart goes on at the target with the fault", "pipeline/streaming/restarting.py",
        "Broken(at.deployment.real, ",
        "Broken(at.deployment, ",
        f"{TESTS}::test_a_restart_answers_it",
    ),
    mutant(
        "F1", "nobody sees on the status page that faults are injected", "asgi/status/report.py",
        "for layer in self.stack_view.faulty if layer.on",
        "for layer in ()",
        "tests/asgi/test_status_tenants.py::test_injected_faults_are_a_finding",
    ),
]  # fmt: skip

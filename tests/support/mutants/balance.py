"""One-line bugs in what a balance counts and chooses, each of which a test has to notice."""

from support.mutants.traps import mutant

BALANCER = "layers/fallback/balance/balancer.py"
CHAINS = "layers/fallback/balance/chains.py"
HASHING = "layers/fallback/balance/hashing.py"
LOAD = "layers/fallback/balance/load.py"
LOADS = "layers/fallback/balance/loads.py"
SENDING = "layers/fallback/balance/sending.py"
BREAKER = "layers/breaker/layer.py"

TESTS = "tests/layers/test_balance.py"
MODEL = "tests/layers/test_balance_loads.py"

MUTANTS = [
    mutant(
        "N1",
        "a stream is not in flight once it is handed out",
        SENDING,
        "        answer.on_end(sent.end)",
        "        sent.end()",
        f"{TESTS}::test_a_stream_is_in_flight_until_it_ends",
    ),
    mutant(
        "N1",
        "a cancelled call stays in flight",
        SENDING,
        "    except BaseException as error:\n        sent.failed(error)",
        "    except Exception as error:\n        sent.failed(error)",
        f"{TESTS}::test_no_cancellation_is_miscounted",
    ),
    mutant(
        "N1",
        "what a closed loop has left ends on the next one",
        LOAD,
        "        self.in_flight = InFlight()\n        self.sampled_at",
        "        self.in_flight.number = 0\n        self.sampled_at",
        f"{TESTS}::test_calls_of_a_closed_loop_are_not_in_flight_on_the_next",
        f"{MODEL}::TestLoads",
    ),
    mutant(
        "N2",
        "every failure counts",
        SENDING,
        'if Outcome.of(error) is FAILED and getattr(error, "scope", None) in HEALTH:',
        "if True:",
        f"{TESTS}::test_failures_of_the_model_or_the_server_count_as_first_token",
    ),
    mutant(
        "N2",
        "a retried failure does not count",
        SENDING,
        "            if each.outcome in FAULTS and not _tells_nothing([each]):",
        "            if False:",
        f"{TESTS}::test_failures_of_the_model_or_the_server_count_as_first_token",
    ),
    mutant(
        "N2",
        "a long answer is a slow target",
        SENDING,
        "now, first = self._now(), attempts[-1].first_token\n",
        "now, first = self._now(), self._now() - attempts[-1].started\n",
        f"{TESTS}::test_a_long_answer_is_not_a_slow_target",
    ),
    mutant(
        "N2",
        "a silent target that is not waited for is fast",
        SENDING,
        "            self._loads.waited(self._load, now",
        "            self._loads.waited(self._load, 0 * now",
        f"{TESTS}::test_a_silent_target_that_calls_do_not_wait_for_is_slow",
    ),
    mutant(
        "N3",
        "a poisoned average is never refreshed",
        LOADS,
        "        return math.exp2((load.sampled_at - self._sampled_at) / HALF_LIFE)",
        "        return 1.0",
        f"{TESTS}::test_a_poisoned_average_is_refreshed",
        f"{MODEL}::TestLoads",
    ),
    mutant(
        "N3",
        "a target that always loses is never chosen",
        LOADS,
        "            passed >= MAX_PASSED\n",
        "            passed >= 10**9\n",
        f"{MODEL}::test_a_target_that_always_loses_is_chosen_now_and_then",
    ),
    mutant(
        "N3",
        "a target that was away catches up on its calls",
        LOADS,
        "load.turn = self._turn = max(load.turn, self._turn)",
        "self._turn = max(load.turn, self._turn)",
        f"{MODEL}::TestLoads",
    ),
    mutant(
        "N4",
        "a herd meets a target that has come back",
        LOAD,
        "        return 1.0 if since >= SLOW_START else since / SLOW_START",
        "        return 1.0",
        f"{TESTS}::test_no_herd_meets_a_target_that_has_come_back",
    ),
    mutant(
        "N4",
        "a target that was down is slow for minutes after its return",
        LOAD,
        "            self.average = None\n        self._rejects_since",
        "            pass\n        self._rejects_since",
        f"{TESTS}::test_no_herd_meets_a_target_that_has_come_back",
        f"{MODEL}::TestLoads",
    ),
    mutant(
        "N4",
        "the rejections of one tenant move the conversations of others",
        BALANCER,
        " or not load.concerns(call.tenant):",
        ":",
        f"{TESTS}::test_the_circuits_and_keys_of_one_tenant_concern_no_other",
    ),
    mutant(
        "N4",
        "a circuit that may probe is never asked",
        BREAKER,
        "        if self.circuits.rejects(call, self._key_of(call)):",
        "        if not self.admits_now(call):",
        f"{TESTS}::test_a_circuit_that_may_probe_is_asked",
    ),
    mutant(
        "N4",
        "an open shared circuit is chosen",
        BREAKER,
        "        return shared is None or target is None or not shared.rejects(target, call)",
        "        return True",
        f"{TESTS}::test_open_shared_circuits_are_passed_over_without_a_failover",
    ),
    mutant(
        "N5",
        "homes differ from process to process",
        HASHING,
        "    digest = blake2b(",
        "    return hash(name) & _ALL\n    digest = blake2b(",
        f"{MODEL}::test_every_process_finds_the_same_home",
    ),
    mutant(
        "N5",
        "the loss of a target moves conversations of others",
        HASHING,
        "_mixed(conversation ^ target) + 1)",
        "((conversation - target) & _ALL) + 1)",
        f"{MODEL}::test_homes_follow_the_weights",
    ),
    mutant(
        "N5",
        "calls of no conversation are all at one target",
        "layers/fallback/balance/settings.py",
        '        if name is None or name in ("", b""):',
        "        if name is None:",
        f"{TESTS}::test_a_call_of_no_conversation_goes_where_there_is_less_load",
    ),
    mutant(
        "N6",
        "a refused target is chosen",
        BALANCER,
        "            loads = [load for target, load in self.by_target.items() if target not in refused]",
        "            last = ()",
        f"{TESTS}::test_a_conversation_leaves_while_its_target_is_not_allowed",
    ),
    mutant(
        "N6",
        "time is kept for every target of a balance",
        CHAINS,
        "COUNTED = 2",
        "COUNTED = 20",
        f"{TESTS}::test_time_is_kept_for_two_targets_of_a_balance",
    ),
]

"""One-line bugs in the circuits that tenants share, each of which a test has to notice."""

from support.mutants.traps import REGISTRY, mutant

VOTES = "layers/breaker/shared/votes.py"
SILENCES = "layers/breaker/shared/silences.py"
SHARED_CIRCUIT = "layers/breaker/shared/circuit.py"
SHARED_PERMIT = "layers/breaker/shared/permit.py"
SHARED_TARGETS = "layers/breaker/shared/targets.py"
SHARED_REGISTRY = "layers/breaker/shared/registry.py"

OF_VOTES = "tests/layers/test_shared_votes.py"
OF_CIRCUITS = "tests/layers/test_shared_circuit.py"
OF_BREAKERS = "tests/layers/test_shared_breaker.py"

MUTANTS = [
    mutant(
        "V1", "a tenant votes once for each of its failures", VOTES,
        "            self.failing += (after is True) - (before is True)",
        "            self.failing += after is True\n        elif after: self.failing += 1; self.active += 1\n"
        "        if before is not after:",
        f"{OF_VOTES}::test_a_tenant_has_one_vote_however_many_calls_fail",
        f"{OF_CIRCUITS}::test_a_loud_tenant_opens_nothing",
        f"{OF_BREAKERS}::test_one_tenant_opens_nothing",
    ),
    mutant(
        "V1", "traffic decides, not tenants", VOTES,
        "return (tally & FAILURES) + waiting > tally // GOOD",
        "return (tally & FAILURES) + waiting > 0",
        f"{OF_VOTES}::test_votes_are_those_of_the_model",
    ),
    mutant(
        "V2", "calls with our key decide for tenants with their own", SHARED_TARGETS,
        "        key = provider, model, tenants_keys\n",
        "        key = provider, model, False\n",
        f"{OF_BREAKERS}::test_electorates_are_apart",
    ),
    mutant(
        "V3", "a caller's own short deadline is a vote", SHARED_PERMIT,
        "        elif error is not None and not answered:\n            self._blame(error, outcome, now)",
        "        elif error is not None and not answered:\n            self._keep_silence(now)",
        f"{OF_BREAKERS}::test_who_gives_up_votes_nothing",
    ),
    mutant(
        "V4", "a silence is counted again when its attempt times out", SHARED_PERMIT,
        "                if self._silence is None:\n",
        "                if True:\n",
        f"{OF_BREAKERS}::test_a_silence_votes_while_it_waits_and_once",
    ),
    mutant(
        "V4", "a silence that was overtaken still votes", SILENCES,
        "        return began < (self.second if voter == self.leader else self.latest)",
        "        return False",
        f"{OF_VOTES}::test_votes_are_those_of_the_model",
    ),
    mutant(
        "V4", "a tenant overtakes itself", SILENCES,
        "            if silence.voter == self.leader and silence.began >= self.second:",
        "            if False:",
        f"{OF_VOTES}::test_only_another_tenant_overtakes_a_silence",
    ),
    mutant(
        "V5", "a half ends whoever is in it", VOTES,
        "        if age < LONGEST_HALF and len(self._now) < self._quorum:",
        "        if age < HALF:",
        f"{OF_VOTES}::test_votes_are_those_of_the_model",
    ),
    mutant(
        "V6", "it opens below its quorum", SHARED_CIRCUIT,
        "        if votes.failing < rules.votes or votes.failing",
        "        if votes.failing",
        f"{OF_CIRCUITS}::test_an_adversary_below_the_quorum_never_opens_it",
        f"{OF_CIRCUITS}::test_it_opens_when_enough_tenants_fail_and_they_are_half",
    ),
    mutant(
        "V7", "a probe of an earlier opening closes it", SHARED_CIRCUIT,
        "        if generation != self.generation or self.state is CLOSED",
        "        if not generation or self.state is CLOSED",
        f"{OF_CIRCUITS}::test_the_first_content_of_any_probe_since_it_opened_closes_it",
    ),
    mutant(
        "V7", "an earlier probe that waits keeps the next one back", SHARED_CIRCUIT,
        "        due = now >= self._next_probe and (may_probe or last_target)",
        "        due = now >= self._next_probe and not self._probes and (may_probe or last_target)",
        f"{OF_CIRCUITS}::test_one_probe_starts_per_cooldown_whether_or_not_an_earlier_one_waits",
    ),
    mutant(
        "V8", "who is well is rejected too", SHARED_CIRCUIT,
        "        if exempt:\n            return PASSES\n",
        "",
        f"{OF_CIRCUITS}::test_the_well_of_a_target_that_fails_for_most_are_served_there",
        f"{OF_BREAKERS}::test_tenants_that_were_just_served_are_not_rejected",
    ),
    mutant(
        "V9", "an observed circuit rejects", SHARED_CIRCUIT,
        "        if self.rules.mode == OBSERVED:\n            return LAST_RESORT\n",
        "",
        f"{OF_CIRCUITS}::test_one_that_is_observed_rejects_nothing",
        f"{OF_BREAKERS}::test_an_observed_circuit_rejects_nothing_and_tells_what_it_would_have_done",
    ),
    mutant(
        "V10", "a rate limit is a vote for the model", SHARED_PERMIT,
        "            target.answered(self._voter",
        "            target.content(self._voter",
        f"{OF_BREAKERS}::test_a_refusal_says_nothing_about_the_model_and_proves_the_endpoint",
    ),
    mutant(
        "V11", "those who wait are not rescued", SHARED_REGISTRY,
        "                    permit.rescue(",
        "                    (lambda after: None)(",
        f"{OF_BREAKERS}::test_those_who_wait_are_rescued_when_it_opens",
    ),
    mutant(
        "V12", "tenants' circuits wait out their cooldown after a recovery", REGISTRY,
        "            circuit.recover(self.shared.recovered_at(call), now)",
        "            pass",
        f"{OF_BREAKERS}::test_tenants_circuits_probe_at_once_when_a_shared_one_has_closed",
    ),
]  # fmt: skip  # because: a row is read as a sentence, then what stands there, then what is put there

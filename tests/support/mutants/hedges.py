"""One-line bugs in hedges and reserves, each of which a test has to notice."""

from support.mutants.traps import mutant

RACE = "layers/fallback/race.py"
CONTESTANT = "layers/fallback/contestant.py"
FLIGHT = "layers/fallback/flight.py"
HEDGE = "layers/fallback/hedge.py"
RULE = "layers/fallback/hedge_rule.py"
EVENTS = "pipeline/streaming/bounded_events.py"
LIMIT = "pipeline/timing/limit.py"

HEDGES = "tests/layers/test_hedges.py"
OF_BREAKERS = "tests/layers/test_shared_breaker.py"
LINGERS = f"{HEDGES}::test_the_loser_goes_on_until_its_hang_threshold_once_its_target_is_suspected"
TURNS = f"{HEDGES}::test_every_target_gets_its_turn_before_the_deadline"

CLEANUP = "tests/layers/test_hedge_slow_cleanup.py::test_nothing_is_sent_during_the_cleanup"

MUTANTS = [
    mutant(
        "hedges", "a tenant's own endpoint is hedged by the times of all others", CONTESTANT,
        "self.times = self.pace.at(attempt.endpoint)", "self.times = self.pace",
        "tests/layers/test_times_of_endpoints.py::"
        "test_an_endpoint_is_not_hedged_by_the_times_of_others[stream]",
    ),
    mutant(
        "J4", "a hedge due while a provider times out by itself is lost", "pipeline/timing/wait_timer.py",
        "            if self.alarm_at <= now and cancelled_by_others(self._task, self._cancelling):",
        "            if self.alarm_at <= now and cancelled_by_others(self._task, 99):",
        "tests/layers/test_hedge_slow_cleanup.py::"
        "test_a_timeout_that_a_provider_sets_itself_only_delays_the_hedge",
    ),
    mutant(
        "J4", "a hedge is retried while a cancelled attempt cleans up", "pipeline/asking/attempt.py",
        "    while call.watch.given_up and",
        "    while False and",
        CLEANUP,
    ),
    mutant(
        "J4", "another hedge is sent while a cancelled attempt cleans up", HEDGE,
        "    if caller is None or caller.has_given_up:",
        "    if caller is None:",
        CLEANUP,
    ),
    mutant(
        "J4", "a limit of ours is taken for the caller who cancels", "caller.py",
        "    return task.cancelling() - our_cancellations.get(task, 0) > before",
        "    return task.cancelling() > before",
        "tests/layers/test_hedge_slow_cleanup.py::test_a_limit_does_not_count_as_the_caller",
    ),
    mutant(
        "J1", "the loser of a hedge is forgotten", CONTESTANT,
        "        if not self._lingers():\n            self.stop()",
        "        pass",
        f"{HEDGES}::test_only_so_many_losers_linger_at_one_target",
    ),
    mutant(
        "J1", "losers are cancelled at once", CONTESTANT,
        "        if not self._lingers():\n",
        "        if True:\n",
        LINGERS,
        f"{HEDGES}::test_losers_open_the_circuit_of_a_silent_target",
    ),
    mutant(
        "J1", "a loser goes on beyond its hang threshold", CONTESTANT,
        "        if self.lost and not self.probing:\n            self.stop()",
        "        pass",
        LINGERS,
    ),
    mutant(
        "J1", "any number of losers lingers", CONTESTANT,
        "        if self.pace.lingering >= MAX_LINGERING:",
        "        if self.pace.lingering < 0:",
        f"{HEDGES}::test_only_so_many_losers_linger_at_one_target",
    ),
    mutant(
        "J2", "a loser that had not reached its hang threshold is blamed", LIMIT,
        "    error.counts_against_provider = blamed",
        "    error.counts_against_provider = True",
        f"{HEDGES}::test_a_loser_is_blamed_only_beyond_its_hang_threshold",
    ),
    mutant(
        "J2", "the silence of a loser is forgotten", CONTESTANT,
        "        for observer in self.observers:\n            observer.silent()",
        "        for observer in () if self.lost else self.observers:\n            observer.silent()",
        f"{HEDGES}::test_losers_open_the_circuit_of_a_silent_target",
    ),
    mutant(
        "J3", "no time is kept for later targets", RACE,
        "                contestant.until = layer.turn_ends(call.deadline, now, self.later)",
        "                pass",
        TURNS,
    ),
    mutant(
        "J3", "time is kept for later targets after the first content", EVENTS,
        '        self._bound = (self._call.deadline, "deadline")\n',
        '        self._bound = (self._call.deadline, "deadline")\n'
        '        self._bound = earlier(self._bound, self._call.watch.until or inf, "turn")\n',
        f"{HEDGES}::test_an_answer_that_has_begun_may_use_the_whole_deadline",
    ),
    mutant(
        "J4", "hedges are sent without budget", HEDGE,
        "        if not race.layer.budget.take(target.provider.name):",
        "        if False:",
        f"{HEDGES}::test_hedges_are_limited_to_a_share_of_the_calls",
    ),
    mutant(
        "J4", "calls that were never sent earn hedges", RACE,
        "        call, target, layer = self.call, contestant.target, self.layer\n",
        "        call, target, layer = self.call, contestant.target, self.layer\n"
        "        [layer.budget.earn(each.provider.name) for each in layer.targets]\n",
        f"{HEDGES}::test_only_what_is_sent_earns_hedges",
    ),
    mutant(
        "J5", "a hedge runs in the context of a timer", RACE,
        "            self._context = copy_context()",
        "            self._context = None",
        f"{HEDGES}::test_a_hedge_runs_in_the_context_of_its_own_call",
    ),
    mutant(
        "J6", "a single target is hedged again and again", RACE,
        "            if not self.single:\n                self.hedge(silent",
        "            if True:\n                self.hedge(silent",
        f"{HEDGES}::test_a_single_target_is_hedged_once_at_a_time",
    ),
    mutant(
        "J6", "a single target is asked anew as its hedge is withheld", HEDGE,
        "        if not race.single:\n",
        "        if True:\n",
        f"{HEDGES}::test_a_single_target_whose_hedge_is_withheld_is_not_asked_again",
    ),
    mutant(
        "J6", "a single target is passed over with its hedge", RACE,
        "            if self.single and contestant.is_hedge:",
        "            if False:",
        f"{HEDGES}::test_a_single_target_is_not_passed_over_by_the_rejection_of_its_hedge",
    ),
    mutant(
        "J8", "a probe waits alone", RULE,
        "            return min(PROBE_HEDGE, self.least)",
        "            return 20.0",
        f"{HEDGES}::test_a_probe_has_company_within_two_seconds",
    ),
    mutant(
        "J9", "three targets are asked at a time", FLIGHT,
        "        if len(rivals) > 2:",
        "        if len(rivals) > 3:",
        f"{HEDGES}::test_at_most_two_attempts_of_a_call_are_in_flight",
    ),
]  # fmt: skip  # because: a row reads number, bug, file; line; mutation; tests
"""J1 losers, J2 blame, J3 reserves, J4 budget, J5 context, J6 one target, J8 and J9 company."""

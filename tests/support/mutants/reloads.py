"""One-line bugs in reloads and in the reading of files, each of which a test has to notice."""

from support.mutants.traps import mutant

ADOPTION = "layers/breaker/adoption.py"
REPLACING = "pipeline/running/replacing.py"
RETIRING = "pipeline/running/retiring.py"
PIPELINE = "pipeline/pipeline.py"
LAYERS = "tests/config/test_reload_of_layers.py"
RELOAD = "tests/config/test_reload.py"
WATCHING = "tests/config/test_watching.py"
READING = "tests/config/test_reading.py"

MUTANTS = [
    mutant(
        "RL1",
        "layers begin anew",
        REPLACING,
        "        if other is not None and other is not layer:",
        "        if other is not None and other is layer:",
        f"{LAYERS}::test_an_open_circuit_stays_open",
        f"{RELOAD}::test_a_thousand_reloads_under_load_fail_no_call",
    ),
    mutant(
        "RL1",
        "the new breaker counts in circuits of its own",
        ADOPTION,
        "        breaker.circuits = circuits\n",
        "",
        f"{LAYERS}::test_a_call_in_flight_reports_to_the_same_circuit",
    ),
    mutant(
        "RL1",
        "live circuits keep their old rules",
        ADOPTION,
        "                circuit.follow(rules_of(key, circuit), fresh._kind)",
        "                pass",
        f"{LAYERS}::test_failures_before_a_reload_count_after_it",
    ),
    mutant(
        "RL1",
        "a provider with a second model loses its circuits",
        ADOPTION,
        "        _rename(circuits, before.names, breaker.names)\n",
        "",
        f"{LAYERS}::test_a_second_model_renames_the_circuits_of_a_provider",
    ),
    mutant(
        "RL2",
        "places are given twice",
        "layers/bulkhead/fair_places.py",
        "        self.places = before.places.with_settings_of(self.places)",
        "        self.places.with_settings_of(before.places)",
        f"{LAYERS}::test_places_of_calls_in_flight_are_not_given_twice",
    ),
    mutant(
        "RL2",
        "calls that wait do not learn of more places",
        "layers/bulkhead/places.py",
        "        self.queue.cap(per_tenant, now)\n        self.advance(now)",
        "        self.queue.cap(per_tenant, now)",
        f"{LAYERS}::test_more_places_are_given_at_once",
    ),
    mutant(
        "RL2",
        "a cap per tenant that is lifted still holds",
        "layers/bulkhead/places.py",
        "        self.queue.cap(per_tenant, now)\n",
        "",
        f"{LAYERS}::test_a_cap_per_tenant_that_is_lifted_lets_its_calls_go",
    ),
    mutant(
        "RL3",
        "a call that was made before a reload is sent to what is gone",
        PIPELINE,
        "            if call.pipeline is not stack:\n                begin_again(call, stack)",
        "            if call.pipeline is not stack:\n                stack = call.pipeline",
        f"{RELOAD}::test_a_call_that_was_made_before_a_reload_and_begins_after_it_is_new",
    ),
    mutant(
        "RL3",
        "providers are closed under calls in flight",
        RETIRING,
        "        self._records &= records\n",
        "        self._records.clear()\n",
        f"{RELOAD}::test_a_provider_that_goes_is_closed_when_its_last_call_has_ended",
    ),
    mutant(
        "RL3",
        "a provider is closed while an attempt that lost a hedge uses it",
        RETIRING,
        "        return not self._tasks or now >= self._until",
        "        return True",
        f"{RELOAD}::test_an_attempt_that_lost_a_hedge_keeps_its_provider_open",
    ),
    mutant(
        "RL3",
        "a closing pipeline forgets removed providers",
        "pipeline/running/shutdown.py",
        "        every = (*self._lifecycle.retiring.providers, *self._lifecycle.providers)",
        "        every = tuple(self._lifecycle.providers)",
        f"{RELOAD}::test_closing_a_pipeline_closes_providers_that_calls_still_use",
    ),
    mutant(
        "RL3",
        "every reload opens all providers again",
        REPLACING,
        "            _open(_without(stack.providers, before.providers), stack, opened)",
        "            _open(stack.providers, stack, opened)",
        f"{RELOAD}::test_a_provider_that_stays_keeps_its_connections",
    ),
    mutant(
        "RL4",
        "a file is read while it is written",
        "config/watching.py",
        "now == before and now != self._read",
        "now != self._read",
        f"{WATCHING}::test_a_file_is_not_read_while_it_is_written",
    ),
    mutant(
        "RL4",
        "a bad file is reported again and again",
        "config/watching.py",
        "                    self._read = now\n",
        "",
        f"{WATCHING}::test_a_bad_file_is_reported_once_and_the_next_good_one_is_used",
    ),
    mutant(
        "RL5",
        "a file may hold secrets",
        "config/tables.py",
        "        kind = Secret | None\n",
        "        pass\n",
        f"{READING}::test_a_secret_that_is_not_there_is_named_and_never_shown",
    ),
    mutant(
        "RL5",
        "a file may import code unasked",
        "config/objects.py",
        "        if not self._imports:",
        "        if self._imports is None:",
        f"{READING}::test_objects_of_code_are_imported_only_if_that_is_allowed",
    ),
]

"""One-line bugs in the store that many workers share, in the engine and in its scripts."""

from support.mutants.traps import mutant

CIRCUITS = "store/engine/circuits.py"
CIRCUIT = "store/engine/circuit.py"
VOTES = "store/engine/votes.py"
WORKERS = "store/engine/workers.py"
MOMENT = "store/engine/moment.py"
SESSION = "store/valkey/session.py"
SUBSCRIBER = "store/valkey/subscriber.py"
SCRIPTS = "store/valkey/scripts"

OF_CIRCUITS = "tests/store/test_store_circuits.py"
OF_OTHERS = "tests/store/test_store_others.py"
OF_SESSIONS = "tests/store/test_store_on_valkey.py"
OF_BOTH = "tests/store/test_same_replies.py::test_the_same_commands_give_the_same_replies"
OF_SAMPLES = "tests/store/test_same_replies.py::test_full_halves_are_sampled_alike"
OF_WORLDS = "tests/store/test_explored.py::test_no_order_of_losses_breaks_a_law"

MUTANTS = [
    mutant(
        "ST1",
        "counts of another generation are taken",
        CIRCUITS,
        "    if command.generation != circuit.generation or not circuit.alarmed:",
        "    if not circuit.alarmed:",
        f"{OF_CIRCUITS}::test_counts_of_another_generation_are_ignored",
    ),
    mutant(
        "ST1",
        "a proof of another generation closes the circuit",
        CIRCUITS,
        "    if command.generation != circuit.generation or circuit.state is not OPEN:",
        "    if circuit.state is not OPEN:",
        f"{OF_CIRCUITS}::test_content_of_the_last_target_closes_it_without_a_lease",
    ),
    mutant(
        "ST1",
        "a generation comes again if its record is lost and the clock is set back",
        MOMENT,
        "return max(stored + 1, self.version + 1, self.us)",
        "return max(stored + 1, self.us)",
        f"{OF_CIRCUITS}::test_an_evicted_circuit_is_unknown_and_closed",
    ),
    mutant(
        "ST2",
        "a lease outlives its holder",
        CIRCUIT,
        "        return ms < self.until and ms < self.alive <= ms + LEASE_LIVES",
        "        return ms < self.until",
        f"{OF_CIRCUITS}::test_a_lease_ends_three_seconds_after_the_last_heartbeat",
        f"{OF_WORLDS}[half open]",
    ),
    mutant(
        "ST2",
        "asking again gets another lease",
        CIRCUITS,
        "    if (command.worker, command.number) in circuit.leases:\n        return ACCEPTED\n",
        "",
        f"{OF_CIRCUITS}::test_asking_again_gets_the_same_lease",
    ),
    mutant(
        "ST2",
        "a probe whose lease is over closes the circuit",
        CIRCUITS,
        "not in circuit.leases_at(now.ms):\n        return REFUSED\n    if command.observed",
        "not in circuit.leases:\n        return REFUSED\n    if command.observed",
        f"{OF_CIRCUITS}::test_a_lease_ends_three_seconds_after_the_last_heartbeat",
    ),
    mutant(
        "ST2",
        "the second probe of a cooldown starts",
        CIRCUITS,
        "    if circuit.next_in(command.rules, now.ms) > 0:",
        "    if len(circuit.leases) >= command.rules.max_probes:",
        f"{OF_CIRCUITS}::test_one_probe_starts_per_cooldown",
        f"{OF_WORLDS}[open]",
    ),
    mutant(
        "ST3",
        "a report that comes twice counts twice",
        VOTES,
        "report.failures)\n        if tally == mine",
        "report.failures)\n        mine = NONE\n        if tally == mine",
        f"{OF_CIRCUITS}::test_a_report_replaces_the_earlier_one_of_its_worker",
    ),
    mutant(
        "ST3",
        "lost counts are counted twice",
        VOTES,
        "        if lost or ms - self.started_at",
        "        if ms - self.started_at",
        f"{OF_CIRCUITS}::test_counts_that_were_evicted_are_not_counted_twice",
    ),
    mutant(
        "ST4",
        "an older heartbeat takes back what was counted",
        WORKERS,
        "grown = max(total - last.get(name, 0), 0)",
        "grown = total - last.get(name, 0)",
        f"{OF_OTHERS}::test_counters_never_fall",
    ),
    mutant(
        "ST5",
        "what a server has no script for is not sent again",
        SESSION,
        "        if unknown is not None:",
        "        if False:",
        f"{OF_SESSIONS}::test_scripts_are_sent_again_after_a_flush",
    ),
    mutant(
        "ST5",
        "an interrupted subscriber says nothing",
        SUBSCRIBER,
        "            self._deliver(Missed())\n",
        "",
        f"{OF_SESSIONS}::test_an_interrupted_subscriber_says_so_and_goes_on",
    ),
    mutant(
        "ST6",
        "the script opens with one vote more",
        f"{SCRIPTS}/count.lua",
        "circuit.failing >= quorum",
        "circuit.failing > quorum",
        OF_BOTH,
    ),
    mutant(
        "ST6",
        "the script forgets the votes of the half before",
        f"{SCRIPTS}/votes.lua",
        "  if was == nil then was = hidden end\n",
        "",
        OF_BOTH,
    ),
    mutant(
        "ST6",
        "the script grants a probe early",
        f"{SCRIPTS}/probe.lua",
        "local wait = math.max(circuit.next_probe - ms, 0)",
        "local wait = 0",
        OF_BOTH,
    ),
    mutant(
        "ST6",
        "the script keeps a tenant that is not in the sample",
        f"{SCRIPTS}/sample.lua",
        "    if not votes(circuit, tenant) then\n      redis.call('HDEL', half.key, fields[i])",
        "    if not votes(circuit, tenant) then",
        OF_SAMPLES,
    ),
    mutant(
        "ST6",
        "a key of the script never ends",
        f"{SCRIPTS}/changes.lua",
        "    redis.call('PEXPIRE', troubles_key, whole(KEEP_FLEET))\n",
        "",
        f"{OF_SESSIONS}::test_every_key_ends_some_time",
    ),
    mutant(
        "ST7",
        "the certificate of anybody will do",
        "store/valkey/address.py",
        'self._settings.setdefault("ssl_check_hostname", True)',
        'self._settings.setdefault("ssl_check_hostname", False)',
        f"{OF_SESSIONS}::test_the_certificate_of_another_name_is_rejected",
    ),
    mutant(
        "ST7",
        "each attempt to connect keeps a thread",
        "store/valkey/lookup.py",
        "if answer is None or answer.done() or self._pid != os.getpid():",
        "if True:",
        "tests/store/test_odd_servers.py::test_a_name_server_that_hangs_keeps_one_thread",
    ),
    mutant(
        "ST8",
        "the script widens no sample",
        f"{SCRIPTS}/widening.lua",
        "  if factor < 2 then",
        "  if true then",
        OF_SAMPLES,
    ),
    mutant(
        "ST8",
        "a sample of too few is not widened",
        VOTES,
        "        if factor < 2 or ms < self.widens_at:",
        "        if True:",
        f"{OF_CIRCUITS}::test_a_sample_of_too_few_is_widened",
    ),
    mutant(
        "ST9",
        "a connection with TLS outlives its event loop",
        "store/valkey/connection.py",
        "        writer.transport.abort()",
        "        pass",
        f"{OF_SESSIONS}::test_a_session_with_tls_leaves_nothing_when_its_event_loop_closes",
    ),
    mutant(
        "ST10",
        "commands behind an unknown script are carried out before it",
        SESSION,
        "            answers[unknown:] = await self._asked(_with_texts(calls[unknown:]))",
        "            answers[unknown] = (await self._asked(_with_texts(calls[unknown : unknown + 1])))[0]",
        "tests/store/test_lost_scripts.py::test_commands_are_carried_out_in_their_order",
    ),
    mutant(
        "ST10",
        "a loop that stands still gathers changes without an end",
        "store/memory.py",
        "        if len(self._pushed) >= MAX_PUSHED:",
        "        if False:",
        "tests/store/test_memory_store.py::test_a_worker_whose_loop_stands_still_is_told_that_it_missed_changes",
    ),
    mutant(
        "ST11",
        "an observed circuit stays open for as long as the clock was set back",
        CIRCUIT,
        "            self.next_probe = min(self.next_probe, ms + self.waits)",
        "            pass",
        f"{OF_CIRCUITS}::test_a_clock_that_was_set_back_delays_no_outcome_of_an_observed_circuit",
    ),
    mutant(
        "ST11",
        "the script lets a cooldown begin anew with each look",
        f"{SCRIPTS}/circuit.lua",
        "    circuit.next_probe = latest\n    save_circuit(name, circuit)\n",
        "    circuit.next_probe = latest\n",
        OF_BOTH,
    ),
]

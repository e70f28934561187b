"""One-line bugs in what workers share, each of which a test has to notice."""

from support.mutants.traps import GUARD, mutant

LINK = "fleet/circuit_link.py"
REPORTS = "fleet/reports.py"
CONTACT = "fleet/contact.py"
COMMANDS = "fleet/operator_commands.py"
PROBES = "fleet/probes.py"
MEMBER = "fleet/member.py"
FOLLOWER = "fleet/follower.py"
VALIDATION = "fleet/validation.py"
LOOPS = "pipeline/running/loops.py"
OUTBOX = "fleet/outbox.py"
TENANTS = "fleet/tenant_links.py"
GATES = "fleet/gate_links.py"
PORT = "fleet/port.py"
LIFECYCLE = "pipeline/running/lifecycle.py"
CIRCUIT = "layers/breaker/shared/circuit.py"
FOLLOWED = "layers/breaker/shared/followed_circuit.py"
ELSEWHERE = "layers/breaker/elsewhere.py"
REPORTED = "layers/breaker/shared/reported_votes.py"

SHARED = "tests/fleet/test_shared_by_workers.py"
BAD = "tests/fleet/test_bad_stores.py"
VOTES = "tests/fleet/test_reported_votes.py"
TRIPS = "tests/fleet/test_round_trips.py"
ALARMS = "tests/fleet/test_alarms.py"
THREADS = "tests/fleet/test_layers_on_two_loops.py"
MUCH = "tests/fleet/test_too_much_at_once.py"
OPERATORS = "tests/fleet/test_operator_commands.py"

MUTANTS = [
    mutant(
        "F1", "each worker decides alone, with or without a store", CIRCUIT,
        "        if self.state is CLOSED:\n            self.link.failed()\n",
        "",
        f"{SHARED}::test_with_a_store_all_workers_reject_within_50_ms",
    ),
    mutant(
        "F2", "every worker sends its own probe", GUARD,
        "                if permit.asks:",
        "                if False:",
        f"{SHARED}::test_one_probe_starts_per_cooldown_of_all_workers",
    ),
    mutant(
        "F2", "a lease that comes too late is kept", PROBES,
        "        elif reply.accepted:\n            give_back(",
        "        elif False:\n            give_back(",
        f"{BAD}::test_a_lease_that_comes_too_late_is_given_back",
    ),
    mutant(
        "F2", "a probe that has ended keeps its lease", PROBES,
        "        lease = self.take(probe)\n        if lease is not None:",
        "        lease = self.take(probe)\n        if False:",
        f"{BAD}::test_a_probe_cancelled_at_any_moment_holds_no_lease",
    ),
    mutant(
        "F3", "content closes the circuit here only", LINK,
        "        self.send(Prove(self.key, self.member.worker.id, generation, number, observed))",
        "        pass",
        f"{SHARED}::test_the_content_of_one_probe_closes_it_for_all",
    ),
    mutant(
        "F4", "only failures are reported", REPORTS,
        "TenantCount(digest, contents, failures)",
        "TenantCount(digest, 0, failures)",
        f"{SHARED}::test_those_who_wait_elsewhere_are_counted",
    ),
    mutant(
        "F4", "each worker chooses a sample of its own", LINK,
        '        return crc32(str(voter).encode("utf-8", "surrogatepass"), self._seed)',
        "        return hash(voter)",
        "tests/fleet/test_samples.py::test_workers_choose_the_same_sample",
    ),
    mutant(
        "F5", "nobody looks while pushes are lost", FOLLOWER,
        "        for change in looked.changes:",
        "        for change in ():",
        f"{SHARED}::test_without_push_they_hear_within_1300_ms",
    ),
    mutant(
        "F6", "votes are forgotten with the store that knew them", FOLLOWED,
        "                if not update.keeps_votes:",
        "                if True:",
        f"{BAD}::test_what_a_store_lost_is_reported_again",
    ),
    mutant(
        "F7", "an invalid change is believed", VALIDATION,
        "    if not sound:",
        "    if False:",
        f"{BAD}::test_a_push_of_nonsense_changes_nothing",
    ),
    mutant(
        "F8", "a tenant that was just served is rejected", ELSEWHERE,
        "        if not served:",
        "        if True:",
        f"{SHARED}::test_a_tenant_that_was_just_served_keeps_its_circuit",
    ),
    mutant(
        "F9", "a command of an operator is lost with the store", MEMBER,
        "        self._commands.add(about, command, on_reply)",
        "        pass",
        f"{BAD}::test_a_command_of_an_operator_is_carried_out_when_the_store_is_back",
    ),
    mutant(
        "F10", "a silence that waits is not reported in the next half", REPORTED,
        "            self.link.counted(voter, urgent=True)",
        "            pass",
        f"{VOTES}::test_who_reads_all_reports_knows_every_count",
    ),
    mutant(
        "F11", "who stops to wait for a round trip cuts it off", CONTACT,
        "            self._loop.call_later(seconds, self._cut_off, task)\n            raise",
        "            self._cut_off(task)\n            raise",
        f"{TRIPS}::test_a_reader_that_vanishes_does_not_lose_the_store",
    ),
    mutant(
        "F12", "an event loop that stood still has lost the store", "fleet/patience.py",
        "PARTS = 8",
        "PARTS = 1",
        f"{TRIPS}::test_an_event_loop_that_stood_still_has_not_lost_the_store",
    ),
    mutant(
        "F13", "the failures of one worker are reported before anything else", REPORTS,
        "                if holds and failures > contents:",
        "                if False:",
        f"{ALARMS}::test_the_failures_of_one_worker_do_not_outrun_what_others_have_seen",
    ),
    mutant(
        "F14", "a wider sample is not reported", REPORTS,
        "            if wider or begins:",
        "            if begins:",
        f"{ALARMS}::test_of_many_voters_a_sample_is_reported_and_more_if_they_are_few",
    ),
    mutant(
        "F14", "a push that comes late turns back a half", LINK,
        "    return view.generation, view.step, view.half",
        "    return view.generation, view.step, 0",
        f"{ALARMS}::test_a_late_push_does_not_turn_back_a_half",
    ),
    mutant(
        "F15", "of two operators at once, the last is not obeyed where he commands", TENANTS,
        "        if isolated is not (known >= 0) if is_own else known != view.generation:",
        "        if known != view.generation and not is_own:",
        f"{OPERATORS}::test_of_two_commands_at_once_the_last_holds_everywhere",
    ),
    mutant(
        "F15", "a command that a store cannot carry out is sent for ever", COMMANDS,
        "            if pending.tries == TRIES:",
        "            if False:",
        "tests/fleet/test_operator_commands.py::test_a_command_that_a_store_cannot_carry_out_is_given_up",
    ),
    mutant(
        "F16", "sessions that do not last are asked for every second", FOLLOWER,
        "                if joined and clock() - began >= STEADY_SECONDS:",
        "                if joined:",
        f"{TRIPS}::test_sessions_that_do_not_last_are_asked_for_less_and_less",
    ),
    mutant(
        "F17", "layers of two pipelines leave the service with the first", MEMBER,
        "            self.ended()\n",
        "",
        "tests/fleet/test_layers_of_two_pipelines.py::test_votes_are_still_counted_together",
    ),
    mutant(
        "F18", "a session that is lost while the pipeline closes stays open", CONTACT,
        "            self._closing.add(task)\n",
        "",
        f"{BAD}::test_a_session_that_is_lost_while_the_pipeline_closes_is_ended",
    ),
    mutant(
        "F19", "of two threads that open at once none sees the other", LIFECYCLE,
        '        self.state = "opening"\n',
        "",
        f"{THREADS}::test_of_two_threads_that_open_at_once_one_is_refused",
    ),
    mutant(
        "F19", "a pipeline that could not be opened keeps the layers of others", LIFECYCLE,
        "            self.joining.leave()\n            self._undoing",
        "            self._undoing",
        f"{THREADS}::test_a_pipeline_that_could_not_be_opened_holds_no_layer_of_another",
    ),
    mutant(
        "F19", "a worker is asked on the loop of another one", LOOPS,
        "not (self._several and alone)",
        "not self._several",
        f"{THREADS}::test_with_a_store_every_layer_is_of_one_loop",
    ),
    mutant(
        "F20", "hints displace what has to be known", OUTBOX,
        "        if len(self._queue) >= MAX_HINTS and isinstance(command, HINTS):",
        "        if False:",
        f"{MUCH}::test_the_failures_of_many_tenants_displace_no_closed_gate",
    ),
    mutant(
        "F20", "a cooldown without an end fails calls", PORT,
        "    return round(min(max(seconds * 1000, 0.0), DAY))",
        "    return round(max(seconds * 1000, 0.0))",
        f"{MUCH}::test_circuits_that_never_probe_are_shared_like_others",
    ),
    mutant(
        "F21", "a tenant stays isolated where nobody heard that it is over", TENANTS,
        "        return [key for key, generation in self._isolated.items() if generation]",
        "        return []",
        f"{OPERATORS}::test_what_an_operator_ends_ends_also_where_nobody_heard_of_it",
    ),
    mutant(
        "F20", "the store learns the host of a tenant's endpoint", MEMBER,
        '        return f"{provider}{at}{self.digest(endpoint)}{slash}{model}" if at else name',
        "        return name",
        "tests/fleet/test_private_names.py::test_the_endpoints_of_tenants_are_shared_by_digest",
    ),
    mutant(
        "F20", "a full queue drops the command of an operator", MEMBER,
        "        return [*(self.take_commands() if self.governs else ()), *self.news()]",
        "        return [*self.news()]",
        f"{OPERATORS}::test_no_full_queue_drops_a_command",
    ),
    mutant(
        "F21", "an isolation ends with the data of the store", TENANTS,
        "        self._isolated = dict.fromkeys(self._isolated, 0)",
        "        pass",
        f"{OPERATORS}::test_an_isolation_outlives_the_data_of_the_store",
    ),
    mutant(
        "F21", "a gate stays closed where nobody heard that it was opened", GATES,
        "        return [name for name, ends in self._ends.items() if ends > soon and name in self._views]",
        "        return []",
        f"{OPERATORS}::test_what_an_operator_ends_ends_also_where_nobody_heard_of_it",
    ),
]  # fmt: skip  # because: a row is read as a sentence, then what stands there, then what is put there

"""One-line bugs in what operators are told, each of which a test has to notice."""

from support.mutants.traps import mutant

EMITTER = "pipeline/reporting/emitter.py"
LOGGING = "pipeline/reporting/logging.py"
TENANTS = "asgi/status/tenants.py"

LOG = "tests/telemetry/test_default_log.py"
BY_TENANT = "tests/asgi/test_status_tenants.py"

MUTANTS = [
    mutant(
        "O1", "given listeners do not replace the log", EMITTER,
        "        self._log = LoggingListener() if listeners is None else None",
        "        self._log = LoggingListener()",
        f"{LOG}::test_given_listeners_replace_the_log",
    ),
    mutant(
        "O1", "every call copies its context for the log", "pipeline/pipeline.py",
        "            if call.streaming or stack.events.in_context:",
        "            if call.streaming or self.events.listeners:",
        f"{LOG}::test_a_healthy_call_is_silent_and_copies_no_context",
    ),
    mutant(
        "O1", "events that nobody reads are built", EMITTER,
        "        return self.in_context or (self._log is not None and self._log.logs(kind))",
        "        return bool(self.listeners)",
        f"{LOG}::test_rejections_cost_no_event_while_nobody_reads_them",
    ),
    mutant(
        "O1", "a listener that is removed leaves the pipeline copying contexts", EMITTER,
        "        self.in_context = any(each is not self._log for each in self.listeners)",
        "        self.in_context = bool(self.listeners)",
        f"{LOG}::test_given_listeners_replace_the_log",
    ),
    mutant(
        "O1", "a listener hears of what happened before it was added", EMITTER,
        "            if context is None and listener is not self._log:",
        "            if False:",
        f"{LOG}::test_a_handler_that_adds_a_listener",
    ),
    mutant(
        "O2", "a tenant without a key is a warning", LOGGING,
        "        return logging.INFO",
        "        return event.level",
        f"{LOG}::test_a_tenant_without_a_key_is_no_warning",
    ),
    mutant(
        "O2", "a tenant without any key is a failure", "errors/all_failed.py",
        "        return kinds[0] if NO_FAILURES.issuperset(kinds) else self.kind",
        "        return self.kind",
        f"{BY_TENANT}::test_a_tenant_without_a_key_is_no_incident",
    ),
    mutant(
        "O2", "one missing key hides the failure of another target", "errors/all_failed.py",
        "        return kinds[0] if NO_FAILURES.issuperset(kinds) else self.kind",
        "        return self.kind if NO_FAILURES.isdisjoint(kinds) else kinds[0]",
        f"{BY_TENANT}::test_a_target_that_fails_behind_a_missing_key_is_one",
    ),
    mutant(
        "O2", "a key of ours that is not set is no failure", "errors/rejected.py",
        '    kind = "credential_unusable"',
        '    kind = "credential_missing"',
        f"{BY_TENANT}::test_our_own_key_that_is_not_set_is_one",
    ),
    mutant(
        "O3", "a crowd hides a tenant that fails", TENANTS,
        "            if len(latest.tenants) >= (2 * MAX_TENANTS if troubled else MAX_TENANTS):",
        "            if len(latest.tenants) >= MAX_TENANTS:",
        f"{BY_TENANT}::test_a_crowd_takes_bounded_room_and_hides_no_failing_tenant",
    ),
    mutant(
        "O3", "tenants of a crowd take room for each of them", TENANTS,
        "            if len(latest.tenants) >= (2 * MAX_TENANTS if troubled else MAX_TENANTS):",
        "            if not troubled and len(latest.tenants) >= MAX_TENANTS:",
        f"{BY_TENANT}::test_a_crowd_takes_bounded_room_and_hides_no_failing_tenant",
    ),
    mutant(
        "O3", "what is long ago is shown", TENANTS,
        "[time_slice for time_slice in self._slices if time_slice.number > int(now // SLICE) - SLICES]",
        "self._slices",
        f"{BY_TENANT}::test_the_last_minute_is_counted_exactly",
    ),
]  # fmt: skip  # because: a row reads kind, bug, file; line; mutation; tests
"""O1 the default log, O2 tenants without a key, O3 the table of tenants."""

"""One-line bugs in what one worker tells of all, each of which a test has to notice."""

from support.mutants.traps import mutant

METRICS = "asgi/status/metrics/of_fleet.py"
ADMIN = "asgi/status/admin.py"

OF_ALL = "tests/asgi/test_fleet_metrics.py"
AT_ALL = "tests/asgi/test_service_status.py"

MUTANTS = [
    mutant(
        "O1",
        "the durations of other workers are not counted",
        METRICS,
        "        if family.kind != GAUGE\n",
        "        if family.kind == COUNTER\n",
        f"{OF_ALL}::test_counters_of_all_workers_are_added",
    ),
    mutant(
        "O1",
        "counters fall to those of one worker when the store is down",
        METRICS,
        "        return [*(family for family in own if family.kind == GAUGE), reachable]",
        "        return [*own, reachable]",
        f"{OF_ALL}::test_without_the_store_there_are_gauges_and_no_counters",
    ),
    mutant(
        "O1",
        "the buckets of a histogram are in the order of an alphabet",
        METRICS,
        "    for series, value in sorted(sums.items(), key=_order):",
        "    for series, value in sorted(sums.items()):",
        f"{OF_ALL}::test_buckets_are_shown_in_the_order_of_their_bounds",
    ),
    mutant(
        "O1",
        "a sum of seconds is shown in microseconds",
        METRICS,
        "            family.samples.append(Sample(series, value / MICRO if SUM in series else value))",
        "            family.samples.append(Sample(series, value))",
        f"{OF_ALL}::test_counters_of_all_workers_are_added",
    ),
    mutant(
        "O1",
        "a command is refused by any other worker than the one shown",
        ADMIN,
        "        if command.process not in (None, self._report.process) and not service.exists:",
        "        if command.process not in (None, self._report.process):",
        f"{AT_ALL}::test_a_tenant_is_isolated_at_every_worker_whoever_is_asked",
    ),
    mutant(
        "O1",
        "a worker cannot reset the circuit of a tenant that it has not seen",
        ADMIN,
        '        elsewhere = command.action == "isolate" or service.exists',
        '        elsewhere = command.action == "isolate"',
        f"{AT_ALL}::test_an_unknown_tenant_is_shown_by_its_digest",
    ),
]

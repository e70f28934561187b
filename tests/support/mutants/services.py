"""One-line bugs in what one worker tells of all, each of which a test has to notice."""

from support.mutants.traps import mutant

PRIVATE = "tests/asgi/test_private_metrics.py"
METRICS = "asgi/status/metrics/of_fleet.py"
ADMIN = "asgi/status/admin.py"

OF_ALL = "tests/asgi/test_fleet_metrics.py"
AT_ALL = "tests/asgi/test_service_status.py"
RECENT = "tests/asgi/test_recent_numbers.py"
NUMBERS = "tests/asgi/test_service_numbers.py"
WATCHED = "tests/cli/test_watch_workers.py"

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
    mutant(
        "O1",
        "the page shows the numbers of the worker that happens to answer",
        "asgi/status/report.py",
        "await self.service.recents() or self.recents(overview)",
        "self.recents(overview)",
        f"{NUMBERS}::test_no_number_jumps_between_workers",
    ),
    mutant(
        "O1",
        "a worker tells the others nothing of its recent numbers",
        "fleet/follower.py",
        "{**member.about, RECENT: recent}",
        "member.about",
        f"{NUMBERS}::test_no_number_jumps_between_workers",
    ),
    mutant(
        "O1",
        "without the store the numbers of one worker pass for those of all",
        "asgi/status/service.py",
        '            "summed": 0,\n',
        '            "summed": 1,\n',
        f"{NUMBERS}::test_without_the_store_a_worker_shows_its_own_numbers_and_says_so",
    ),
    mutant(
        "O1",
        "of two workers, only the durations of one are in the percentiles",
        "asgi/status/recent/numbers.py",
        "    return list(map(add, first, second)) if first and second else first or second",
        "    return first or second",
        f"{RECENT}::test_the_numbers_of_many_workers_are_those_of_one_that_has_seen_it_all",
    ),
    mutant(
        "O1",
        "providers without a place are lost from the sums",
        "asgi/status/recent/numbers.py",
        "        known = name if name in total or len(total) < most else OTHERS\n",
        "        known = name if name in total or len(total) < most else ALL\n",
        f"{RECENT}::test_of_many_providers_the_last_are_told_as_one",
    ),
    mutant(
        "O1",
        "one worker that tells nonsense makes the page fail",
        "asgi/status/recent/text.py",
        "    except (ValueError, TypeError, AttributeError, RecursionError):",
        "    except ValueError:",
        f"{RECENT}::test_nonsense_is_not_read",
    ),
    mutant(
        "O1",
        "a worker that tells nonsense is counted as summed",
        "asgi/status/recent/of_service.py",
        "            summed += 1",
        "        summed += 1",
        f"{RECENT}::test_a_worker_that_tells_nonsense_is_left_out",
    ),
    mutant(
        "O1",
        "a terminal shows as its own what only one worker knows",
        "cli/watch/workers.py",
        '    return ", of this worker" if facts.get("service") else ""',
        '    return ""',
        f"{WATCHED}::test_what_only_the_answering_worker_knows_is_labelled",
    ),
    mutant(
        "O1",
        "after a command a worker shows the others no circuits for a second",
        "asgi/status/circuits.py",
        "        for overview in self._overviews.values():\n            overview.good_until = 0.0\n",
        "        self._overviews.clear()\n",
        f"{NUMBERS}::test_a_command_does_not_hide_the_circuits_of_a_worker",
    ),
    mutant(
        "O2",
        "a metric names the tenant of a custom key",
        "asgi/status/circuits.py",
        "            overview.count(name if name in self._providers else OTHERS, circuit)\n",
        "            overview.count(name, circuit)\n",
        f"{PRIVATE}::test_no_metric_names_the_tenant_of_a_custom_key",
    ),
    mutant(
        "O2",
        "each reader of the metrics asks the store",
        "asgi/status/service.py",
        "            if self._ended <= begun:",
        "            if True:",
        f"{PRIVATE}::test_a_crowd_of_readers_does_not_lose_the_store",
    ),
    mutant(
        "O2",
        "a reader gets an answer that is older than its question",
        "asgi/status/service.py",
        "            if self._ended <= begun:",
        "            if self._ended < begun:",
        f"{PRIVATE}::test_a_crowd_of_readers_does_not_lose_the_store",
    ),
]

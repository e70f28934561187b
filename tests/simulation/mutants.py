"""One-line bugs, each of which the simulation has to notice by the invariant that it breaks."""

from __future__ import annotations

from dataclasses import dataclass

from support.mutants.hedges import FLIGHT, HEDGE
from support.mutants.shared_circuits import SHARED_CIRCUIT, SHARED_TARGETS
from support.mutants.spend import LEDGER, PURSE
from support.mutants.traps import (
    ANSWER,
    ATTEMPT,
    BACKOFF,
    CIRCUIT,
    GUARD,
    OUTCOME,
    PERMIT,
    REGISTRY,
    RETRY,
    SOURCE,
    STREAM,
    WATCH,
    Mutant,
)

BREAKER = "layers/breaker/layer.py"
BUDGET = "layers/retry/budget.py"
GATE = "layers/throttle/gate.py"
LOOKUPS = "pipeline/credentials/lookups.py"
TIMERS = "pipeline/timing/timer_wheel.py"
SMALL_FORM = "tests/simulation/test_simulation.py::test_every_invariant_is_kept_whatever_goes_wrong"

LONGER_FORM = "tests/simulation/test_simulation.py::test_every_invariant_is_kept_for_longer"


@dataclass(frozen=True)
class SimulationMutant(Mutant):
    """A bug; its trap is `S` and the number of the invariant that is violated first."""

    @property
    def nodes(self) -> tuple[str, ...]:
        """The simulation in small."""
        return (SMALL_FORM, LONGER_FORM)


def mutant(trap: str, bug: str, file: str, line: str, mutation: str) -> SimulationMutant:
    """A row of the table."""
    return SimulationMutant(trap, bug, file, line, mutation, ())


MUTANTS = [
    mutant(
        "S8", "a result counts in whatever generation it finds", CIRCUIT,
        "        if generation != self.generation:",
        "        if generation > self.generation:",
    ),
    mutant(
        "S3", "one probe too many passes", CIRCUIT,
        "        if len(self._probes) >= self.rules.max_probes:",
        "        if len(self._probes) > self.rules.max_probes:",
    ),
    mutant(
        "S8", "a cancellation counts as a failure", OUTCOME,
        "        if isinstance(error, RanvierError) and error.counts_against_provider:",
        "        if not isinstance(error, Exception) or getattr(error, 'counts_against_provider', False):",
    ),
    mutant(
        "S2", "a cancelled call keeps its permit", GUARD,
        "        except BaseException as error:",
        "        except Exception as error:",
    ),
    mutant(
        "S2", "a cancelled whole answer keeps its slot", ATTEMPT,
        "    finally:\n        timer.end()",
        "    except GeneratorExit:\n        pass\n    else:\n        timer.end()",
    ),
    mutant(
        "S2", "a whole answer settles twice", GUARD,
        "            permit.settle(SUCCEEDED if answered else ABANDONED)",
        "            permit.settle(SUCCEEDED); permit.settle(SUCCEEDED)",
    ),
    mutant(
        "S8", "a circuit counts every outcome twice", PERMIT,
        "        circuit.settle(self, self._generation, outcome, self._call.pipeline.clock)",
        "        circuit.settle(self, self._generation, outcome, self._call.pipeline.clock)\n" * 2,
    ),
    mutant(
        "S10", "a stream ends as often as it is told to", ANSWER,
        "        if self._outcome is not None:\n            return\n        self._outcome = outcome",
        "        self._outcome = outcome",
    ),
    mutant(
        "S5", "what was asked is shortened", BACKOFF,
        "        return max(wait, retry_after + extra)",
        "        return max(wait, retry_after - extra)",
    ),
    mutant(
        "S1", "the timer runs on while the reader has the word", WATCH,
        "            self._take_back()\n        self._task = None\n\n    def ended_by",
        "            self._take_back()\n\n    def ended_by",
    ),
    mutant(
        "S7", "a cut is the end", SOURCE,
        "            raise failure\n        finally:",
        "            return None\n        finally:",
    ),
    mutant(
        "S7", "a stream that broke ends as a success", ANSWER,
        "        self._end(Outcome.of(error), error)",
        "        self._end(Outcome.SUCCEEDED, error)",
    ),
    mutant(
        "S4", "tenants share a circuit", BREAKER,
        "        return call.tenant, identity.target(call) if own",
        "        return call.tenant[:7], identity.target(call) if own",
    ),
    mutant(
        "S4", "a call takes the circuit that comes first", REGISTRY,
        "get(key)\n        if circuit is None:\n            if settings",
        "get(next(iter(self._circuits), key))\n        if circuit is None:\n            if settings",
    ),
    mutant(
        "S9", "nothing is ever evicted", REGISTRY,
        "        if len(self._circuits) >= self._max_circuits and not self._evict(now):",
        "        if False:",
    ),
    mutant(
        "S9", "an idle circuit keeps its room", REGISTRY,
        "        if self._idle:\n            evictable",
        "        if not self._circuits:\n            evictable",
    ),
    # --- time
    mutant(
        "S1", "the loop is not asked to wake us earlier than before", TIMERS,
        "        if when >= self._wakes:",
        "        if self._wakes != inf:",
    ),
    mutant(
        "S1", "the loop is not asked to wake us again", TIMERS,
        "            self._wake_by(following)",
        "            self._wake_by(inf)",
    ),
    mutant(
        "S5", "an attempt is begun although the deadline has passed", WATCH,
        "        if due is not None and due <= now:",
        "        if due is not None and due < 0:",
    ),
    mutant(
        "S5", "a gate that is closed lets a newcomer pass", GATE,
        "        self.queue.limit = self._width if now >= self.until else 0",
        "        self.queue.limit = self._width",
    ),
    # --- requests, streams and keys
    mutant(
        "S6", "one retry too many", RETRY,
        "        if call.attempt > self.max_retries or error.retry_useless:",
        "        if call.attempt > self.max_retries + 1 or error.retry_useless:",
    ),
    mutant(
        "S6", "what cannot pass is tried again", RETRY,
        "        if not error.retryable and not (",
        "        if error.fails_over is None and not (",
    ),
    mutant(
        "S7", "the first event comes twice", STREAM,
        "            event, self._first = self._first, None",
        "            event = self._first\n"
        "            self._first = None if self._attempt.skipped else event\n"
        "            self._attempt.skipped += 1",
    ),
    mutant(
        "S4", "the key of whoever asked first serves all tenants", LOOKUPS,
        "        kept = self.answers.get(holder)\n        return",
        "        kept = next(iter(self.answers.values()), None)\n        return",
    ),
    mutant(
        "S9", "answers about keys are kept for ever", LOOKUPS,
        "        if len(self.answers) > self._max_entries:",
        "        if len(self.answers) < 0:",
    ),
    mutant(
        "S10", "an attempt is numbered anew at every retry", "pipeline/call.py",
        "        call.attempt = self.attempt + 1",
        "        call.attempt = self.attempt + 2",
    ),
    mutant(
        "S12", "async listeners run in the context of whoever spoke first",
        "pipeline/reporting/deliveries.py",
        "            context = self._left[0][2]",
        "            context = self.__dict__.setdefault('first', self._left[0][2])",
    ),
    mutant(
        "S12", "the cleanup of a dropped stream runs in the context of nobody",
        "pipeline/streaming/streamed_answer.py",
        "in_background(self._source.aclose(), context, name)",
        "in_background(self._source.aclose(), None, name)",
    ),
    # --- hedges, budgets and shared circuits
    mutant(
        "S14", "three targets are asked at a time", FLIGHT,
        "        if len(rivals) > 2:",
        "        if len(rivals) > 3:",
    ),
    mutant(
        "S16", "hedges are sent without budget", HEDGE,
        "        if not race.layer.budget.take(target.provider.name):",
        "        if False:",
    ),
    mutant(
        "S16", "retries are sent without budget", BUDGET,
        "        if retries + 1 > allowed or (contested and state.exceeds(tenant, self.ratio)):",
        "        if False:",
    ),
    mutant(
        "S17", "a shared circuit opens below its quorum", SHARED_CIRCUIT,
        "        if votes.failing < rules.votes or votes.failing",
        "        if votes.failing",
    ),
    mutant(
        "S17", "calls with our key decide for tenants with their own", SHARED_TARGETS,
        "        key = provider, model, tenants_keys\n",
        "        key = provider, model, False\n",
    ),
    # --- spend limits
    mutant(
        "S18", "what is in flight does not count", LEDGER,
        "        window.add(tenant, amount, amount)",
        "        window.add(tenant, 0, 0)",
    ),
    mutant(
        "S18", "streams stay reserved", ATTEMPT,
        "        stream.on_end(lambda outcome: payments.settle())",
        "        pass",
    ),
    mutant(
        "S18", "an attempt that was cut costs nothing", PURSE,
        "        return self._reserved.amount if attempt.billable else 0",
        "        return 0",
    ),
]  # fmt: skip  # because: a row reads invariant, bug, file; line; mutation
"""Those of the circuits first."""

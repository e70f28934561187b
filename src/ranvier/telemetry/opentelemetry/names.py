"""All names of spans, attributes and metrics, in one table.

Names that begin with `gen_ai.`, `server.`, `error.` or `http.` are those of the semantic conventions for
generative AI (open-telemetry/semantic-conventions-genai, read in November 2026). Names that the conventions
lack begin with `ranvier.`.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from ranvier.events import COUNTERS

# --- attributes of the conventions ---------------------------------------------------------------

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
ADDRESS: Final = "server.address"
PORT: Final = "server.port"
ERROR: Final = "error.type"

STREAM: Final = "gen_ai.request.stream"
OUTPUT_TYPE: Final = "gen_ai.output.type"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
TEMPERATURE: Final = "gen_ai.request.temperature"
TOP_P: Final = "gen_ai.request.top_p"
STOP: Final = "gen_ai.request.stop_sequences"
SEED: Final = "gen_ai.request.seed"

RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"

INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHE_READ: Final = "gen_ai.usage.cache_read.input_tokens"
CACHE_WRITE: Final = "gen_ai.usage.cache_write.input_tokens"
REASONING: Final = "gen_ai.usage.reasoning.output_tokens"

INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
INSTRUCTIONS: Final = "gen_ai.system_instructions"
TOOLS: Final = "gen_ai.tool.definitions"

MODALITY: Final = "gen_ai.token.modality"
STATUS: Final = "http.response.status_code"

OLD_ATTRIBUTES: Final = {CACHE_WRITE: "gen_ai.usage.cache_creation.input_tokens"}
"""The old names of attributes that were renamed."""

OLD_TOKEN_TYPE: Final = "gen_ai.token.type"
"""`input` or `output`, on the one old histogram for both."""

# --- ranvier's attributes ------------------------------------------------------------------------

OUTCOME: Final = "ranvier.outcome"
ATTEMPTS: Final = "ranvier.attempts"
FALLBACKS: Final = "ranvier.fallbacks"
TENANT: Final = "ranvier.tenant"
METADATA: Final = "ranvier.metadata."
OUR_PROVIDER: Final = "ranvier.provider"
KIND: Final = "ranvier.kind"
CIRCUIT: Final = "ranvier.circuit.state"

TARGET: Final = "ranvier.target"
ATTEMPT_NUMBER: Final = "ranvier.attempt.number"
ATTEMPT_REASON: Final = "ranvier.attempt.reason"
ATTEMPT_DELAY: Final = "ranvier.attempt.delay"
ATTEMPT_QUEUED: Final = "ranvier.attempt.queued"
ATTEMPT_FIRST_TOKEN: Final = "ranvier.attempt.first_token"
ATTEMPT_REQUEST: Final = "ranvier.attempt.request_id"
ATTEMPT_SKIPPED: Final = "ranvier.attempt.skipped"
ATTEMPT_INPUT: Final = "ranvier.attempt.input_tokens"
ATTEMPT_OUTPUT: Final = "ranvier.attempt.output_tokens"

ATTEMPT_SPAN: Final = "ranvier.attempt"
"""The type of the span of one attempt; its name is `attempt` and the target."""

WAIT: Final = "ranvier.wait"
"""The span event for each wait outside the attempts, and for each target or retry that was skipped."""

WAIT_FOR: Final = "ranvier.wait.for"
WAIT_SECONDS: Final = "ranvier.wait.seconds"

# --- values --------------------------------------------------------------------------------------

PROVIDERS: Final = {"gemini": "gcp.gemini", "kimi": "moonshot_ai", "vertex": "gcp.vertex_ai"}
"""Provider families that have another name in the conventions; all others have the same name."""

OPERATIONS: Final = {"gemini": "generate_content"}
"""The name of a family's operation, where it is not `chat`."""

UNKNOWN: Final = "unknown"
"""The modality of tokens, which usages do not report; also the provider of an unknown target."""

# --- instruments ---------------------------------------------------------------------------------

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


class Metric(NamedTuple):
    """An instrument.

    Attributes:
        name: The newest name.
        kind: The kind of instrument.
        unit: The unit in UCUM, as OpenTelemetry requires.
        description: What is measured.
        old: The old name; `None` if there was no such instrument.
        buckets: The bucket boundaries of a histogram.
    """

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    description: str
    old: str | None = None
    buckets: tuple[float, ...] = ()


DURATION: Final = Metric(
    "gen_ai.client.inference.duration",
    "histogram",
    "s",
    "Duration of calls, including all attempts and waits.",
    "gen_ai.client.operation.duration",
    SECONDS,
)
TIME_TO_FIRST_CHUNK: Final = Metric(
    "gen_ai.client.inference.time_to_first_chunk",
    "histogram",
    "s",
    "Time to first content of streamed calls.",
    "gen_ai.client.operation.time_to_first_chunk",
    SECONDS,
)
CALL_INPUT: Final = Metric(
    "gen_ai.client.inference.operation.input_tokens",
    "histogram",
    "{token}",
    "Prompt tokens of a call, as its response reports them.",
    "gen_ai.client.token.usage",
    TOKENS,
)
CALL_OUTPUT: Final = Metric(
    "gen_ai.client.inference.operation.output_tokens",
    "histogram",
    "{token}",
    "Response tokens of a call, including reasoning.",
    "gen_ai.client.token.usage",
    TOKENS,
)


def _usage(name: str, description: str) -> Metric:
    return Metric(f"gen_ai.client.inference.usage.{name}", "counter", "{token}", description)


USED_INPUT: Final = _usage("input_tokens", "Prompt tokens of all attempts, including cached ones.")
USED_OUTPUT: Final = _usage("output_tokens", "Response tokens of all attempts, including reasoning.")
USED_CACHE_READ: Final = _usage("cache_read.input_tokens", "Prompt tokens read from a cache.")
USED_CACHE_WRITE: Final = _usage("cache_write.input_tokens", "Prompt tokens written to a cache.")
USED_REASONING: Final = _usage("reasoning.output_tokens", "Reasoning tokens of responses.")

CALLS: Final = Metric("ranvier.calls", "counter", "{call}", "Calls that have ended.")
ATTEMPTS_MADE: Final = Metric(
    "ranvier.attempts", "counter", "{attempt}", "Attempts of calls that have ended."
)
ATTEMPT_DURATION: Final = Metric(
    "ranvier.attempt.duration", "histogram", "s", "Duration of attempts.", buckets=SECONDS
)
COUNTERS_OF_EVENTS: Final = {
    event: Metric(each.name, "counter", each.unit, each.description) for event, each in COUNTERS.items()
}
"""By the name of the event; the event's class defines its counter."""

CIRCUITS: Final = Metric(
    "ranvier.circuits", "gauge", "{circuit}", "Circuits by state; each tenant has one per provider."
)

METRICS: Final = (
    DURATION, TIME_TO_FIRST_CHUNK, CALL_INPUT, CALL_OUTPUT,
    USED_INPUT, USED_OUTPUT, USED_CACHE_READ, USED_CACHE_WRITE, USED_REASONING,
    CALLS, ATTEMPTS_MADE, ATTEMPT_DURATION, *COUNTERS_OF_EVENTS.values(), CIRCUITS,
)  # fmt: skip  # because: the first two lines are the conventions' and the rest are ranvier's

"""Every name that OpenTelemetry is told, in one table.

Names that begin with `gen_ai.`, `server.`, `error.` or `http.` are those of the semantic conventions for
generative AI (open-telemetry/semantic-conventions-genai, read in November 2026). What they lack is ours,
and begins with `ranvier.`.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

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
"""What attributes were called before, where that was something else."""

OLD_TOKEN_TYPE: Final = "gen_ai.token.type"
"""`input` or `output`: of the one histogram that there was for both."""

# --- attributes of ours --------------------------------------------------------------------------

OUTCOME: Final = "ranvier.outcome"
ATTEMPTS: Final = "ranvier.attempts"
FALLBACKS: Final = "ranvier.fallbacks"
TENANT: Final = "ranvier.tenant"
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
"""The event of a span for each wait outside the attempts, and for each target that was passed over."""

WAIT_FOR: Final = "ranvier.wait.for"
WAIT_SECONDS: Final = "ranvier.wait.seconds"

# --- values --------------------------------------------------------------------------------------

PROVIDERS: Final = {"gemini": "gcp.gemini", "kimi": "moonshot_ai"}
"""Families that the conventions call otherwise; all others are called as we call them."""

OPERATIONS: Final = {"gemini": "generate_content"}
"""What each family's operation is called, where it is not `chat`."""

UNKNOWN: Final = "unknown"
"""The modality of tokens, since usages do not tell it; the provider of a target that nobody knows."""

# --- instruments ---------------------------------------------------------------------------------

SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


class Metric(NamedTuple):
    """An instrument.

    Attributes:
        name: The newest one.
        kind: What sort of instrument it is.
        unit: In UCUM, as OpenTelemetry wants it.
        description: What is measured.
        old: Its name before; `None` where there was no such instrument.
        buckets: Of a histogram.
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
    "How long calls took, all attempts and waits together.",
    "gen_ai.client.operation.duration",
    SECONDS,
)
TIME_TO_FIRST_CHUNK: Final = Metric(
    "gen_ai.client.inference.time_to_first_chunk",
    "histogram",
    "s",
    "How long it took from a streamed call to its first content.",
    "gen_ai.client.operation.time_to_first_chunk",
    SECONDS,
)
CALL_INPUT: Final = Metric(
    "gen_ai.client.inference.operation.input_tokens",
    "histogram",
    "{token}",
    "Tokens of the prompt of a call, as its answer reports them.",
    "gen_ai.client.token.usage",
    TOKENS,
)
CALL_OUTPUT: Final = Metric(
    "gen_ai.client.inference.operation.output_tokens",
    "histogram",
    "{token}",
    "Tokens of the answer of a call, reasoning included.",
    "gen_ai.client.token.usage",
    TOKENS,
)


def _usage(name: str, description: str) -> Metric:
    return Metric(f"gen_ai.client.inference.usage.{name}", "counter", "{token}", description)


USED_INPUT: Final = _usage("input_tokens", "Tokens of prompts, cached ones included, of every attempt.")
USED_OUTPUT: Final = _usage("output_tokens", "Tokens of answers, reasoning included, of every attempt.")
USED_CACHE_READ: Final = _usage("cache_read.input_tokens", "Tokens of prompts that came from a cache.")
USED_CACHE_WRITE: Final = _usage("cache_write.input_tokens", "Tokens of prompts that went into a cache.")
USED_REASONING: Final = _usage("reasoning.output_tokens", "Tokens of answers that were reasoning.")

CALLS: Final = Metric("ranvier.calls", "counter", "{call}", "Calls that have ended.")
ATTEMPTS_MADE: Final = Metric(
    "ranvier.attempts", "counter", "{attempt}", "Attempts of calls that have ended."
)
ATTEMPT_DURATION: Final = Metric(
    "ranvier.attempt.duration", "histogram", "s", "How long attempts took.", buckets=SECONDS
)
RETRIES: Final = Metric("ranvier.retries", "counter", "{retry}", "Retries that were scheduled.")
FALLBACKS_TAKEN: Final = Metric(
    "ranvier.fallbacks", "counter", "{fallback}", "Times that a call left a provider for another."
)
CHANGES: Final = Metric(
    "ranvier.circuit.changes", "counter", "{change}", "Circuits that have gone to this state."
)
REJECTIONS: Final = Metric(
    "ranvier.rejections", "counter", "{rejection}", "Times that a circuit or gate let a call not through."
)
THROTTLED: Final = Metric(
    "ranvier.throttled", "counter", "{event}", "Times that a provider has slowed down a key."
)
REFUSED: Final = Metric("ranvier.credentials.refused", "counter", "{event}", "Keys that were refused.")
INTERRUPTED: Final = Metric(
    "ranvier.streams.interrupted", "counter", "{stream}", "Streams that broke after their hand-out."
)
UNTRACKED: Final = Metric(
    "ranvier.calls.untracked", "counter", "{call}", "Calls without a circuit, since all were in use."
)
CIRCUITS: Final = Metric(
    "ranvier.circuits", "gauge", "{circuit}", "Circuits, one for each tenant and provider, by their state."
)

METRICS: Final = (
    DURATION, TIME_TO_FIRST_CHUNK, CALL_INPUT, CALL_OUTPUT,
    USED_INPUT, USED_OUTPUT, USED_CACHE_READ, USED_CACHE_WRITE, USED_REASONING,
    CALLS, ATTEMPTS_MADE, ATTEMPT_DURATION, RETRIES, FALLBACKS_TAKEN, CHANGES, REJECTIONS, THROTTLED, REFUSED,
    INTERRUPTED, UNTRACKED, CIRCUITS,
)  # fmt: skip  # because: so one sees that the first two lines are the conventions' and the rest ours

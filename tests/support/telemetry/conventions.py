"""The semantic conventions for GenAI, as far as they concern us, written down by hand from their document.

open-telemetry/semantic-conventions-genai, docs/gen-ai/client-inference.md and model/gen-ai/token-metrics.yaml
(which refer to the semantic conventions 1.44.0), read on 2026-11-25. Nothing here is taken from our own
source, so that a name that we got wrong is found.
"""

REQUIRED, CONDITIONAL, RECOMMENDED, OPT_IN = "required", "conditionally required", "recommended", "opt-in"

SPAN_ATTRIBUTES = {
    "gen_ai.operation.name": (str, REQUIRED),
    "gen_ai.provider.name": (str, REQUIRED),
    "error.type": (str, CONDITIONAL),
    "gen_ai.conversation.id": (str, CONDITIONAL),
    "gen_ai.output.type": (str, CONDITIONAL),
    "gen_ai.prompt.name": (str, CONDITIONAL),
    "gen_ai.prompt.version": (str, CONDITIONAL),
    "gen_ai.request.choice.count": (int, CONDITIONAL),
    "gen_ai.request.model": (str, CONDITIONAL),
    "gen_ai.request.seed": (int, CONDITIONAL),
    "gen_ai.request.stream": (bool, CONDITIONAL),
    "gen_ai.request.top_k": (int, CONDITIONAL),
    "server.port": (int, CONDITIONAL),
    "gen_ai.conversation.compacted": (bool, RECOMMENDED),
    "gen_ai.request.frequency_penalty": (float, RECOMMENDED),
    "gen_ai.request.max_tokens": (int, RECOMMENDED),
    "gen_ai.request.presence_penalty": (float, RECOMMENDED),
    "gen_ai.request.previous_response.id": (str, RECOMMENDED),
    "gen_ai.request.reasoning.level": (str, RECOMMENDED),
    "gen_ai.request.stop_sequences": (tuple, RECOMMENDED),
    "gen_ai.request.temperature": (float, RECOMMENDED),
    "gen_ai.request.top_p": (float, RECOMMENDED),
    "gen_ai.response.finish_reasons": (tuple, RECOMMENDED),
    "gen_ai.response.id": (str, RECOMMENDED),
    "gen_ai.response.model": (str, RECOMMENDED),
    "gen_ai.response.time_to_first_chunk": (float, RECOMMENDED),
    "gen_ai.usage.cache_read.input_tokens": (int, RECOMMENDED),
    "gen_ai.usage.cache_write.input_tokens": (int, RECOMMENDED),
    "gen_ai.usage.input_tokens": (int, RECOMMENDED),
    "gen_ai.usage.output_tokens": (int, RECOMMENDED),
    "gen_ai.usage.reasoning.output_tokens": (int, RECOMMENDED),
    "server.address": (str, RECOMMENDED),
    "gen_ai.input.messages": (str, OPT_IN),
    "gen_ai.output.messages": (str, OPT_IN),
    "gen_ai.system_instructions": (str, OPT_IN),
    "gen_ai.tool.definitions": (str, OPT_IN),
}
"""Of the span `gen_ai.client.inference`: the type of each, and how much it is wanted."""

AT_CREATION = {
    "gen_ai.operation.name",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "server.address",
    "server.port",
}
"""What a sampler is to see."""

PROVIDERS = {
    "anthropic", "aws.bedrock", "azure.ai.inference", "azure.ai.openai", "cohere", "deepseek", "gcp.gemini",
    "gcp.gen_ai", "gcp.vertex_ai", "groq", "ibm.watsonx.ai", "mistral_ai", "moonshot_ai", "openai",
    "perplexity", "x_ai",
}  # fmt: skip  # because: they are one list of the document
"""The registered values of `gen_ai.provider.name`."""

OF_METRICS = {*AT_CREATION, "gen_ai.response.model"}

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)

_BEGIN = "gen_ai.client.inference."

METRICS = {
    f"{_BEGIN}duration": ("histogram", "s", {*OF_METRICS, "error.type"}),
    f"{_BEGIN}time_to_first_chunk": ("histogram", "s", OF_METRICS),
    f"{_BEGIN}time_per_output_chunk": ("histogram", "s", OF_METRICS),
    f"{_BEGIN}usage.input_tokens": ("counter", "{token}", {*OF_METRICS, "gen_ai.token.modality"}),
    f"{_BEGIN}usage.output_tokens": ("counter", "{token}", {*OF_METRICS, "gen_ai.token.modality"}),
    f"{_BEGIN}usage.cache_read.input_tokens": ("counter", "{token}", {*OF_METRICS, "gen_ai.token.modality"}),
    f"{_BEGIN}usage.cache_write.input_tokens": ("counter", "{token}", {*OF_METRICS, "gen_ai.token.modality"}),
    f"{_BEGIN}usage.reasoning.output_tokens": ("counter", "{token}", {*OF_METRICS, "gen_ai.token.modality"}),
    f"{_BEGIN}operation.input_tokens": ("histogram", "{token}", {*OF_METRICS, "error.type"}),
    f"{_BEGIN}operation.output_tokens": ("histogram", "{token}", {*OF_METRICS, "error.type"}),
}
"""The instrument, the unit and the attributes of each."""

NOT_EMITTED = {f"{_BEGIN}time_per_output_chunk"}
"""What we leave out: no layer stands between a stream's reader and its chunks."""

"""A model for llama.cpp's server, written in a moment: random weights, and one character a token.

What it says is noise, but how much it says is known: it never ends an answer of its own accord, only at
a limit, at a stop sequence, or where a `logit_bias` gives `END` the word. A schema still binds it, since
the server's grammar allows only what fits.
"""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy

from support.real_server.llama_server import CONTEXT

UNKNOWN, START, END = 0, 1, 2
"""The tokens that are no characters."""

WIDTH = 64
LAYERS = 2

CHARACTERS = [chr(code) for code in range(33, 127)] + ["Ġ", "Ċ"]
"""Printable ASCII, and how byte-level BPE writes a blank and a line break."""

TOKENS = ["<unk>", "<s>", "</s>", *CHARACTERS]

TEMPLATE = r"""
{%- for message in messages -%}
{{ message.role }}: {{ message.content or "" }}
{%- for call in message.tool_calls or [] %}
{{- "\n" }}<call>{{ call.function.name }} {{ call.function.arguments | tojson }}</call>
{%- endfor %}
{{- "\n" }}
{%- endfor -%}
{%- if add_generation_prompt %}assistant: {% endif -%}"""


def write(path: Path) -> None:
    """Write the model to `path`; it is the same one every time."""
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer)
    _add_tokenizer(writer)
    _add_weights(writer, numpy.random.default_rng(1871))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter) -> None:
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(WIDTH // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(TOKENS))


def _add_tokenizer(writer: gguf.GGUFWriter) -> None:
    normal = [gguf.TokenType.NORMAL] * len(CHARACTERS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(TOKENS)
    writer.add_token_types([gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL, *normal])
    writer.add_token_merges(["Ġ a"])  # it makes no token, but an empty list cannot be written
    writer.add_unk_token_id(UNKNOWN)
    writer.add_bos_token_id(START)
    writer.add_eos_token_id(END)
    writer.add_add_bos_token(True)
    writer.add_chat_template(TEMPLATE)


def _add_weights(writer: gguf.GGUFWriter, dice: numpy.random.Generator) -> None:
    def noise(name: str, *shape: int, scale: float = 0.2, quiet: bool = False) -> None:
        values = (dice.standard_normal(shape) * scale).astype(numpy.float32)
        if quiet:
            values[0] = 0  # so that the first dimension is what the embedding says, to the end
        writer.add_tensor(name, values)

    words = dice.standard_normal((len(TOKENS), WIDTH)).astype(numpy.float32)
    words[:, 0] = 4
    writer.add_tensor("token_embd.weight", words)
    for layer in range(LAYERS):
        for norm in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{norm}.weight", numpy.ones(WIDTH, numpy.float32))
        noise(f"blk.{layer}.attn_q.weight", WIDTH, WIDTH)
        noise(f"blk.{layer}.attn_k.weight", WIDTH // 2, WIDTH)
        noise(f"blk.{layer}.attn_v.weight", WIDTH // 2, WIDTH)
        noise(f"blk.{layer}.attn_output.weight", WIDTH, WIDTH, quiet=True)
        noise(f"blk.{layer}.ffn_gate.weight", 2 * WIDTH, WIDTH)
        noise(f"blk.{layer}.ffn_up.weight", 2 * WIDTH, WIDTH)
        noise(f"blk.{layer}.ffn_down.weight", WIDTH, 2 * WIDTH, quiet=True)
    writer.add_tensor("output_norm.weight", numpy.ones(WIDTH, numpy.float32))
    said = (dice.standard_normal((len(TOKENS), WIDTH)) * 0.4).astype(numpy.float32)
    said[: END + 1] = 0
    said[: END + 1, 0] = -20  # that dimension is always positive, so these are never said
    writer.add_tensor("output.weight", said)

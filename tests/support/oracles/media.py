"""Documents and sound in our words, and in those of each SDK that has them."""

from __future__ import annotations

import base64
from typing import Any

from google.genai import types

from ranvier.messages import Audio, Document, Message

PDF, WAV = b"%PDF-1.7\nnot a document at all", b"RIFF\x20\x00\x00\x00WAVEfmt not a sound at all"
ADDRESS = "https://example.org/node.pdf"
DATA_URL = f"data:application/pdf;base64,{base64.b64encode(PDF).decode()}"

BY_BYTES, BY_ADDRESS = Document(data=PDF, name="node.pdf"), Document(ADDRESS)
TEXT, SOUND = Document.from_text("A node.", name="node.txt"), Audio(data=WAV)

QUESTION = "What is in these?"
OF_CHAT: Any = [
    {"type": "text", "text": QUESTION},
    {"type": "file", "file": {"filename": "node.pdf", "file_data": DATA_URL}},
    {"type": "input_audio", "input_audio": {"data": SOUND.base64, "format": "wav"}},
]


def _turn(content: list[Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def _of_anthropic() -> dict[str, Any]:
    sources = (
        {"type": "base64", "media_type": "application/pdf", "data": BY_BYTES.base64},
        {"type": "url", "url": ADDRESS},
        {"type": "text", "media_type": "text/plain", "data": "A node."},
    )
    titles = ("node.pdf", "node.pdf", "node.txt")
    documents = [
        {"type": "document", "source": source, "title": title}
        for source, title in zip(sources, titles, strict=True)
    ]
    return _turn([{"type": "text", "text": QUESTION}, *documents])


MEDIA: dict[str, tuple[Message, dict[str, Any]]] = {
    "anthropic": (Message("user", (QUESTION, BY_BYTES, BY_ADDRESS, TEXT)), _of_anthropic()),
    "openai": (Message("user", (QUESTION, BY_BYTES, SOUND)), _turn(OF_CHAT)),
    "openrouter": (Message("user", (QUESTION, BY_BYTES, SOUND)), _turn(OF_CHAT)),
    "responses": (
        Message("user", (QUESTION, BY_BYTES, BY_ADDRESS)),
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": QUESTION},
                        {"type": "input_file", "filename": "node.pdf", "file_data": DATA_URL},
                        {"type": "input_file", "file_url": ADDRESS},
                    ],
                }
            ]
        },
    ),
    "gemini": (
        Message("user", (QUESTION, BY_BYTES, BY_ADDRESS, SOUND)),
        {
            "contents": [
                types.UserContent(
                    [
                        types.Part(text=QUESTION),
                        types.Part.from_bytes(data=PDF, mime_type="application/pdf"),
                        types.Part.from_uri(file_uri=ADDRESS, mime_type="application/pdf"),
                        types.Part.from_bytes(data=WAV, mime_type="audio/wav"),
                    ]
                )
            ]
        },
    ),
}
"""A message of ours, and the fields of the SDK for the same."""

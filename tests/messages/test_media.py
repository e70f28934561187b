"""Documents and sound: what is detected of them, what is refused at once, and what is never shown."""

import base64
import os
from pathlib import Path
from typing import Any

import pytest

from ranvier import Audio, ConfigurationError, Document, Image, Message, Request, ToolCall
from ranvier.messages.media import sources
from ranvier.messages.media.audio import FORMATS
from ranvier.messages.size import PAGE, UNKNOWN_LENGTH, characters_in, estimated_characters_in
from support.messages.saving import PDF, PNG, WAV

SECRET = "the words of a customer"
SOUNDS = {
    "audio/wav": WAV,
    "audio/mpeg": b"\xff\xfb\x90\x64 and so on",
    "audio/flac": b"fLaC\x00\x00",
    "audio/ogg": b"OggS\x00\x02",
    "audio/aac": b"\xff\xf1\x50\x80",
    "audio/aiff": b"FORM\x00\x00\x00\x10AIFFCOMM",
}


# --- what is detected ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "media_type", "name", "is_text"),
    [
        (Document(data=PDF), "application/pdf", None, False),
        (Document(data=b"\xef\xbb\xbf junk before %PDF-1.4"), "application/pdf", None, False),
        (Document(data=b"a,b\n1,2", name="a.csv"), "text/csv", "a.csv", True),
        (Document(data="é".encode()), "text/plain", None, True),
        (Document(data=b"x", name="picture.png"), "text/plain", "picture.png", True),
        (Document(data=b"{}", media_type="Application/JSON; charset=utf-8"), "application/json", None, True),
        (Document.from_text("# Hi", name="hi.html"), "text/html", "hi.html", True),
        (Document.from_text("%PDF-1.7 is how a PDF begins"), "text/plain", None, True),
        (Document("https://x.test/a/my%20plan.pdf?sig=1#p2"), "application/pdf", "my plan.pdf", False),
        (Document("https://x.test/pdf/2401.00001"), "application/pdf", "2401.00001", False),
        (Document("https://x.test/"), "application/pdf", None, False),
        (Document("https://x.test/a.txt", name="notes"), "text/plain", "notes", False),
        (Document("https://x.test/a.docx", None, "text/html"), "text/html", "a.docx", False),
        (Document(f"data:;base64,{base64.b64encode(PDF).decode()}"), "application/pdf", None, False),
        (Document(data=b"x", name="//[draft].csv"), "text/csv", "//[draft].csv", True),
        (Document("https://x.test//[draft].pdf"), "application/pdf", "[draft].pdf", False),
    ],
)
def test_what_a_document_is_is_detected(
    document: Document, media_type: str, name: str | None, is_text: bool
) -> None:
    """From its bytes, its name, or the end of its URL."""
    assert (document.media_type, document.name, document.is_text) == (media_type, name, is_text)


@pytest.mark.parametrize("media_type", FORMATS)
def test_what_sound_is_is_detected(media_type: str, tmp_path: Path) -> None:
    """From its bytes; where these say nothing, from the end of the name."""
    audio = Audio(data=SOUNDS[media_type])
    assert (audio.media_type, audio.format) == (media_type, FORMATS[media_type])
    assert Audio(audio.data_url) == audio == Audio.from_bytes(SOUNDS[media_type], media_type)
    assert Audio(f"https://x.test/a.{audio.format.upper()}?b").media_type == media_type
    (tmp_path / f"a.{audio.format}").write_bytes(b"nothing that is known")
    assert Audio.from_file(tmp_path / f"a.{audio.format}").media_type == media_type
    (tmp_path / "b").write_bytes(SOUNDS[media_type])
    assert Audio.from_file(tmp_path / "b") == audio


def test_media_types_have_several_names() -> None:
    """`audio/mp3` is no registered one, and everybody writes it."""
    assert Audio(data=b"ID3", media_type="audio/mp3").media_type == "audio/mpeg"
    assert Audio("https://x.test/", media_type="audio/x-wav").format == "wav"


def test_files_are_read(tmp_path: Path) -> None:
    """With their name, and with what they are."""
    for name, content in (("report.pdf", PDF), ("notes.md", b"# Notes"), ("look.png", PNG)):
        (tmp_path / name).write_bytes(content)
    report = Document.from_file(tmp_path / "report.pdf")
    assert report == Document(data=PDF, name="report.pdf")
    assert Document.from_file(str(tmp_path / "notes.md"), name="Notes").name == "Notes"
    assert Document.from_bytes(PDF, name="report.pdf") == report
    assert Image.from_file(tmp_path / "look.png") == Image(data=PNG)


def test_the_text_of_a_document_is_marked_with_its_name() -> None:
    """For models whose API has no such document."""
    assert Document.from_text("a < b").marked == "\n<document>\na < b\n</document>\n"
    named = Document(data=b"\xef\xbb\xbfHi", name='a "b" & <c>')
    assert named.text == "Hi"
    assert named.marked.splitlines()[1] == '<document name="a &quot;b&quot; &amp; &lt;c&gt;">'
    assert Document(data=PDF).text == Document("https://x.test/a.txt").text == ""
    assert (Document(data=PDF).file_name, named.file_name) == ("document.pdf", 'a "b" & <c>')
    assert Document.from_text("x").file_name == "document.txt"


# --- what is never shown -------------------------------------------------------------------------


def test_no_content_is_shown() -> None:
    """But its size; nor what may be a key in a URL, nor further fields."""
    extra = {"context": SECRET}
    shown = [
        Document(data=SECRET.encode(), extra=extra),
        Document(data=PDF + SECRET.encode(), name="a.pdf"),
        Document(f"https://x.test/a.pdf?key={SECRET.replace(' ', '-')}"),
        Audio(data=WAV + SECRET.encode(), extra=extra),
        Audio("https://x.test/a.wav#" + SECRET.replace(" ", "-")),
        Image(data=PNG + SECRET.encode(), extra=extra),
        Image(f"https://x.test/a.png?sig={SECRET.replace(' ', '-')}", detail="low"),
    ]
    words = repr(shown)
    assert SECRET not in words
    assert SECRET.replace(" ", "-") not in words
    assert f"size={len(PDF) + len(SECRET)}" in words
    assert (
        repr(shown[2]) == "Document(url='https://x.test/a.pdf', media_type='application/pdf', name='a.pdf')"
    )
    assert repr(shown[-1]) == "Image(url='https://x.test/a.png', media_type=None, detail='low')"
    assert repr(Audio(data=WAV)) == f"Audio(size={len(WAV)}, media_type='audio/wav')"


# --- what is refused at once ---------------------------------------------------------------------

MISTAKES: list[tuple[Any, dict[str, Any], str]] = [
    (Document, {}, "give either url=... or data=..."),
    (Document, {"url": "https://x.test/a.pdf", "data": PDF}, "give either url=... or data=..."),
    (Document, {"data": b""}, "is empty"),
    (Document, {"url": "data:application/pdf;base64,"}, "is empty"),
    (Document, {"data": b" \n"}, "is blank"),
    (Document, {"data": "text"}, "is a str: give bytes"),
    (Document, {"data": b"\x00" + SECRET.encode()}, "neither a PDF nor a text in UTF-8"),
    (Document, {"data": b"\xff\xfe" + SECRET.encode()}, "neither a PDF nor a text in UTF-8"),
    (Document, {"data": SECRET.encode(), "media_type": "application/pdf"}, "the bytes are no PDF"),
    (Document, {"data": PNG, "media_type": "image/png"}, "a picture is an Image"),
    (Document, {"data": PDF, "media_type": 5}, "media_type=5"),
    (Document, {"data": PDF, "name": ""}, "name=...): give a str of 1 to 500"),
    (Document, {"data": PDF, "name": f"{SECRET}\n"}, "without control characters"),
    (Document, {"data": PDF, "name": "x" * 501}, "name=...): give a str of 1 to 500"),
    (Document, {"url": "https://x.test/a.docx"}, "it ends like that of no PDF or text"),
    (Document, {"url": f"file:///{SECRET}"}, "Document.from_file(path)"),
    (Document, {"url": "https://["}, "no address that begins with http"),
    (Document, {"url": "https://"}, "no address that begins with http"),
    (Document, {"url": 5}, "no address that begins with http"),
    (Document, {"url": f"data:application/pdf,{SECRET}"}, "data:<media type>;base64,<bytes>"),
    (Document, {"url": f"data:application/pdf;base64,{SECRET}"}, "is not base64"),
    (Audio, {}, "give either url=... or data=..."),
    (Audio, {"data": b""}, "is empty"),
    (Audio, {"data": SECRET.encode()}, "the format is unknown: give media_type="),
    (Audio, {"data": WAV, "media_type": "audio/mpeg"}, "the bytes are audio/wav"),
    (Audio, {"data": WAV, "media_type": "audio/webm"}, "choose one of audio/wav"),
    (Audio, {"url": "https://x.test/a"}, "the format is unknown"),
    (Image, {"data": b"", "media_type": "image/png"}, "Image(data=...) is empty"),
    (Image, {"data": bytearray(PNG)}, "Image(data=...) is a bytearray: give bytes"),
    (Image, {"data": 5, "media_type": "image/png"}, "Image(data=...) is a int: give bytes"),
    (Image, {"url": "data:image/png;base64,"}, "Image(url='data:...') is empty: give its bytes"),
    (Image, {"url": "https://["}, "no address that begins with http"),
    (Image, {"url": "https://"}, "no address that begins with http"),
    (Image, {"url": f"file:///{SECRET}"}, "Image.from_file(path)"),
]


@pytest.mark.parametrize(("kind", "given", "told"), MISTAKES, ids=[told for *_, told in MISTAKES])
def test_a_mistake_is_told_at_once(kind: Any, given: dict[str, Any], told: str) -> None:
    """With what to give instead; no content is quoted."""
    with pytest.raises(ConfigurationError) as caught:
        kind(**given)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)


def test_half_a_character_is_told() -> None:
    """No text could be sent with it."""
    with pytest.raises(ConfigurationError, match="half a character"):
        Document.from_text("\ud800")
    with pytest.raises(ConfigurationError, match="got a bytes: give a str"):
        Document.from_text(b"x")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Document, Audio, Image])
def test_a_file_that_cannot_be_read_is_told(kind: Any, tmp_path: Path) -> None:
    """Before anything is sent, with its path."""
    os.mkfifo(tmp_path / "pipe")  # which would be waited for
    (tmp_path / "empty").touch()
    for path, told in (
        (tmp_path / "gone", "gone.*: No such file or directory"),
        (tmp_path, "no regular file"),
        (tmp_path / "pipe", "no regular file"),
        (tmp_path / "empty", "is empty"),
        ("a\0b", "no valid path"),
        ("x" * 300, "File name too long"),
        (5, "got a int: give a path"),
    ):
        with pytest.raises(ConfigurationError, match=told):
            kind.from_file(path)


def test_a_file_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than that no provider takes; no more of it is read."""
    monkeypatch.setattr(sources, "MAX_BYTES", len(PDF))
    (tmp_path / "just.pdf").write_bytes(PDF)
    (tmp_path / "more.pdf").write_bytes(PDF + b"!")
    assert Document.from_file(tmp_path / "just.pdf").data == PDF
    with pytest.raises(ConfigurationError, match=f"more.pdf.* has more than {len(PDF)} bytes"):
        Document.from_file(tmp_path / "more.pdf")
    with pytest.raises(ConfigurationError, match=rf"Document\(data=...\) has {len(PDF) + 1} bytes"):
        Document(data=PDF + b"!")
    with pytest.raises(ConfigurationError, match="bytes, and no provider takes more"):
        Document(f"data:application/pdf;base64,{base64.b64encode(PDF + b'!').decode()}")


# --- how long they are ---------------------------------------------------------------------------


def asking(*parts: Any) -> Request:
    """A request with these parts, and with them in the result of a tool."""
    call = Message.assistant(tool_calls=[ToolCall("c", "f")])
    return Request((Message("user", parts), call, Message.tool("c", parts)))


def test_the_text_of_documents_counts_as_text() -> None:
    """In characters, not in bytes; a PDF counts nothing, because a window must never be overestimated."""
    nothing = characters_in(asking())
    assert characters_in(asking(Document.from_text("é" * 100))) == nothing + 200
    assert characters_in(asking("x" * 100)) == nothing + 200
    assert characters_in(asking(Document(data=PDF), Audio(data=WAV))) == nothing


def test_pdfs_and_sound_are_estimated() -> None:
    """By their size: pages of 50,000 bytes, and a token for every 400 bytes of sound."""
    nothing = characters_in(asking())

    def more(*parts: Any) -> int:
        return estimated_characters_in(asking(*parts)) - nothing

    assert more(Document(data=PDF)) == 2 * PAGE
    assert more(Document(data=PDF + b"." * 100_000)) == 2 * 3 * PAGE
    assert more(Document("https://x.test/a.pdf")) == 2 * UNKNOWN_LENGTH
    assert more(Audio(data=WAV + b"." * 400_000)) == 2 * 4_000
    assert more(Audio("https://x.test/a.wav")) == 2 * UNKNOWN_LENGTH
    assert more(Document.from_text("x" * 100)) == more("x" * 100) == 200
    assert more(Image(data=PNG)) == 0

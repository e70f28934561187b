"""Where the content of a picture, a document or a recording comes from: bytes, a file, or a URL.

Every function takes `what`, the call to name in an error: `Document(url=...)`. No error quotes content.
"""

from __future__ import annotations

import base64
import binascii
import mimetypes
import os
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ranvier.errors.configuration import ConfigurationError

MAX_BYTES: Final = 50 * 1024 * 1024
"""The size of a document or a recording: more than any provider takes within a request."""

MAX_NAME: Final = 500
"""Characters of a document's name."""


def check_source(what: str, url: object, data: object) -> None:
    """Check that exactly one of the two is given, and that it is usable.

    Raises:
        ConfigurationError: it is not.
    """
    if (url is None) == (data is None):
        raise ConfigurationError(f"{what}(): give either url=... or data=...")
    if data is not None:
        check_size(f"{what}(data=...)", data)
    elif not isinstance(url, str) or not (url.startswith("data:") or is_address(url)):
        raise ConfigurationError(
            f"{what}(url=...): it is no address that begins with http:// or https://: "
            f"give one, data=bytes, or {what}.from_file(path)"
        )


def is_address(url: str) -> bool:
    """True for the http(s) address of a host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def check_size(what: str, data: object) -> None:
    """Check that `data` is bytes, neither none nor too many.

    Raises:
        ConfigurationError: it is not.
    """
    if not isinstance(data, bytes):
        raise ConfigurationError(f"{what} is a {type(data).__name__}: give bytes")
    if not data:
        raise ConfigurationError(f"{what} is empty: give its bytes")
    if len(data) > MAX_BYTES:
        raise ConfigurationError(
            f"{what} has {len(data)} bytes, and no provider takes more than {MAX_BYTES} within a request: "
            "give a URL, or a part of it"
        )


def decoded(what: str, url: str) -> tuple[str | None, bytes]:
    """The media type and the bytes of a `data:` URL.

    Raises:
        ConfigurationError: it is not in base64.
    """
    head, _, content = url.partition(",")
    if not head.endswith(";base64"):
        raise ConfigurationError(f"{what}(url='data:...'): give it as data:<media type>;base64,<bytes>")
    try:
        data = base64.b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError(f"{what}(url='data:...'): what follows the comma is not base64") from None
    return head.removeprefix("data:").removesuffix(";base64") or None, data


def bytes_of_file(what: str, path: str | os.PathLike[str]) -> bytes:
    """The bytes of a file.

    Raises:
        ConfigurationError: it does not exist, is no file, cannot be read, is empty or too large.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise ConfigurationError(f"{what}.from_file() got a {type(path).__name__}: give a path")
    shown = f"{what}.from_file({os.fspath(path)!r:.200})"
    try:
        data = _content(Path(path))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no valid path"
        raise ConfigurationError(f"{shown}: {reason}: give the path of a file that can be read") from None
    if data is None:
        raise ConfigurationError(f"{shown}: it is no regular file: give the path of one")
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{shown} has more than {MAX_BYTES} bytes: give a URL, or a part of it")
    if not data:
        raise ConfigurationError(f"{shown} is empty: give another file")
    return data


def _content(path: Path) -> bytes | None:
    """The bytes of a file, up to one too many; `None` if it is no regular file."""
    if not path.is_file() and path.exists():  # opening a named pipe would wait
        return None
    with path.open("rb") as file:
        return file.read(MAX_BYTES + 1)


def encoded(data: bytes | None) -> str:
    """`data` in base64; empty without."""
    return base64.b64encode(data or b"").decode()


def last_segment(url: str) -> str | None:
    """The name of the file that a URL points to, if it has one."""
    name = unquote(urlsplit(url).path).rpartition("/")[2]
    return name if is_name(name) else None


def type_by_name(name: str) -> str:
    """The media type that the end of a file's name tells; empty if it tells none."""
    return mimetypes.guess_type(f"./{name}")[0] or ""  # else `//[draft].pdf` would be a URL with a bad host


def is_name(name: object) -> bool:
    """True for a name that every provider takes: short, and without control characters."""
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable()


def without_query(url: str) -> str:
    """A URL without what may be a secret, to be shown."""
    return url.partition("?")[0].partition("#")[0]

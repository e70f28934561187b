"""The web page, with script and style inline, and its content security policy."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

_ASSETS = files("ranvier.asgi.status") / "assets"


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _source(code: str) -> str:
    """The source expression for an inline script or style: the hash of its text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


_STYLE, _SCRIPT = _asset("page.css"), _asset("page.js")

PAGE = _asset("page.html").replace("/* style */", _STYLE).replace("/* script */", _SCRIPT).encode()

POLICY = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_source(_SCRIPT)}",
        f"style-src {_source(_STYLE)}",
        "img-src data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
"""Allows only this script and this style, so that no tenant name can inject another."""

"""The page: one file that needs no other, and the policy that lets it do only what it does."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

_ASSETS = files("ranvier.asgi.status") / "assets"


def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")


def _source(code: str) -> str:
    """How a policy names a script or a style that is part of the page: by what it says."""
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
"""Nothing but this very script and style; whatever a tenant is called, it cannot become either."""

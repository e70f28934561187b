"""Tokens of Google's application default credentials, by google-auth."""

from __future__ import annotations

from typing import Any, Final

from ranvier.providers._tokens.users_function import NoTokenError

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


class DefaultCredentials:
    """Returns a new token of the application default credentials at each call; it blocks.

    They are a service account's, a workload's, or those of `gcloud auth application-default login`.
    """

    def __init__(self) -> None:
        self._credentials: Any = None

    def __call__(self) -> tuple[str, Any]:
        """A token, and when it expires.

        Raises:
            NoTokenError: google-auth is not installed.
            google.auth.exceptions.GoogleAuthError: there are no credentials, or they cannot be refreshed.
        """
        try:
            import google.auth  # because only a provider without token= needs it
            from google.auth.transport.requests import Request
        except ImportError:
            raise NoTokenError("install google-auth: pip install 'ranvier[vertex]', or give token=") from None
        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[SCOPE])
        self._credentials.refresh(Request())
        return self._credentials.token, self._credentials.expiry

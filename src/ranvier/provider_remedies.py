"""Argument names of other libraries for providers and their access, and what to write in ranvier instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ranvier.remedies import RETRIES, unknown_argument

IN_THE_TARGET = "name it in the target, "
KEYS_OF_AWS = (
    "requests are signed with the credentials that botocore finds: set AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or write profile=..."
)
TOKEN = "write token=..., a function without arguments that returns a token"

OF_A_PROVIDER = {
    **dict.fromkeys(
        ("model", "default_model"), "name the model in the target, Deployment(OpenAI(), 'gpt-5.2')"
    ),
    **dict.fromkeys(("timeout", "connect_timeout"), "give the pipeline a Timeout(...) layer"),
    **dict.fromkeys(("retries", "max_retries"), RETRIES),
    **dict.fromkeys(("key", "token", "secret"), "write api_key=..."),
    "auth_token": "write headers={'authorization': 'Bearer ...'}",
    **dict.fromkeys(("url", "endpoint", "api_base", "host", "azure_endpoint"), "write base_url=..."),
    **dict.fromkeys(("proxy", "proxies", "verify"), "write http_client=..."),
    **dict.fromkeys(("default_headers", "extra_headers"), "write headers=..."),
    **dict.fromkeys(("default_query", "extra_query", "query"), "write params=..."),
}
"""For providers over HTTP."""

OF_OPENAI = {
    **OF_A_PROVIDER,
    "organization": "write headers={'OpenAI-Organization': ...}",
    "project": "write headers={'OpenAI-Project': ...}",
    **dict.fromkeys(
        ("azure_endpoint", "azure_deployment", "azure_ad_token", "azure_ad_token_provider", "api_version"),
        "write Azure(endpoint, api_version=..., token=...)",
    ),
}

OF_AZURE = {
    **OF_A_PROVIDER,
    **dict.fromkeys(("base_url", "url", "api_base", "host", "azure_endpoint"), "write endpoint=..."),
    **dict.fromkeys(("resource", "resource_name"), "write endpoint='https://<resource>.openai.azure.com'"),
    **dict.fromkeys(
        ("azure_ad_token_provider", "azure_ad_token", "credential", "credentials", "token_provider"), TOKEN
    ),
    **dict.fromkeys(
        ("azure_deployment", "deployment", "deployment_id", "deployment_name", "model"),
        f"{IN_THE_TARGET}Deployment(azure, 'my-name')",
    ),
    **dict.fromkeys(("version", "azure_api_version"), "write api_version=..."),
}

OF_VERTEX = {
    **OF_A_PROVIDER,
    **dict.fromkeys(("project_id", "gcp_project", "vertex_project"), "write project=..."),
    **dict.fromkeys(("region", "vertex_location"), "write location=..."),
    **dict.fromkeys(
        ("credentials", "credential", "access_token", "token_provider", "vertex_credentials"),
        f"{TOKEN}; without it those of google-auth are used",
    ),
    "vertexai": "leave it out: Vertex is always Vertex AI",
    "http_options": "write headers=..., params=... or http_client=...",
    "model": f"{IN_THE_TARGET}Deployment(vertex, 'gemini-3.6-flash')",
}

OF_BEDROCK = {
    **OF_A_PROVIDER,
    **dict.fromkeys(("region_name", "aws_region"), "write region=..."),
    **dict.fromkeys(("profile_name", "aws_profile"), "write profile=..."),
    **dict.fromkeys(
        (
            *("aws_access_key_id", "aws_access_key", "aws_secret_access_key", "aws_secret_key"),
            *("aws_session_token", "credentials", "session", "boto3_session", "client"),
        ),
        KEYS_OF_AWS,
    ),
    **dict.fromkeys(("bearer_token", "aws_bearer_token"), "write api_key=..., or token=... for a function"),
    "endpoint_url": "write base_url=...",
    **dict.fromkeys(
        ("model", "model_id"), f"{IN_THE_TARGET}Deployment(bedrock, 'global.amazon.nova-2-lite-v1:0')"
    ),
}

OF: Final[Mapping[str, Mapping[str, str]]] = {
    "OpenAI": OF_OPENAI,
    "Azure": OF_AZURE,
    "Vertex": OF_VERTEX,
    "Bedrock": OF_BEDROCK,
}
"""By the name of a class; `OF_A_PROVIDER` is for the others."""

OF_ACCESS = {
    **dict.fromkeys(("api_key", "token", "credential", "secret"), "write key=..."),
    **dict.fromkeys(("endpoint", "url", "api_base", "host", "azure_endpoint"), "write base_url=..."),
    **dict.fromkeys(("default_headers", "extra_headers"), "write headers=..."),
}
"""For the access of a tenant."""


def unknown_argument_of(provider: type, name: str) -> TypeError:
    """The error for an unknown argument of a provider."""
    remedies = next((OF[each.__name__] for each in provider.__mro__ if each.__name__ in OF), OF_A_PROVIDER)
    return unknown_argument(provider.__name__, name, remedies)

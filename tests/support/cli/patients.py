"""What the doctor is shown: modules with a pipeline, and a key that must be seen nowhere."""

SECRET = "sk-doctor-4f9a1c7e2b8d"

HEAD = """\
import os; from ranvier.pipeline import Price
from ranvier import Deployment, Layer, Pipeline, resilient
from ranvier.layers import Breaker, Chaos, Deadline, Fallback, Retry, SpendLimit, Throttle, Timeout
from ranvier.providers import Anthropic, FunctionProvider, Ollama, OpenAI
"""
"""Begins each of them."""

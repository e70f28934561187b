"""The chat completions API: OpenAI, Kimi, GLM, OpenRouter, and every compatible server."""

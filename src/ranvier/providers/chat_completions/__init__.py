"""The chat completions wire: OpenAI, Kimi, GLM, OpenRouter, and every compatible server."""

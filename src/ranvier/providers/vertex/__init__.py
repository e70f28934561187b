"""Vertex AI, which serves Gemini and Claude with the projects of Google Cloud."""

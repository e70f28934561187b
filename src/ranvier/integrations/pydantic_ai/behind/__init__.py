"""A model of pydantic-ai as a provider."""

"""A chat model of LangChain as a provider."""

"""A chat model of LangChain behind our layers."""

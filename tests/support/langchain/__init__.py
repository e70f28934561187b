"""What the tests with LangChain share."""

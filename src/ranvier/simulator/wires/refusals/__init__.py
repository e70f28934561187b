"""The error replies of the providers, with their own bodies."""

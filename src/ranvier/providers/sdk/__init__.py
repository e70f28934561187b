"""The client of an official SDK as a provider: it sends the requests that our adapters write."""

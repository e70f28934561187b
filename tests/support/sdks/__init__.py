"""The official SDKs, as a service uses them."""

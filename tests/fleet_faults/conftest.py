"""The real server, for the tests of what starts and breaks it."""

from support.valkey.fixtures import own_valkey, proxied_valkey, servers, shared_valkey, valkey_server

__all__ = ["own_valkey", "proxied_valkey", "servers", "shared_valkey", "valkey_server"]

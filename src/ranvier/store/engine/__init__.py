"""Executes the commands of workers in memory. Pure: it never waits, and the caller passes the time.

The Lua scripts of `ranvier.store.valkey` do the same on a server; tests compare the replies of both.
"""

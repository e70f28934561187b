"""What a store does with each command. Pure: it never waits, and the caller passes the time.

The scripts of `ranvier.store.valkey` do the same on a server; the tests compare the replies of both.
"""

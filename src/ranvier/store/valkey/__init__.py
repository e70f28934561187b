"""A store on a Valkey or Redis server, through valkey-py.

`store.py` has the public class, `session.py` the connection of one worker, `subscriber.py` its pushes,
`commands.py` and `replies.py` the encoding, and `scripts/` the Lua scripts that the server executes.
"""

"""A store on a Valkey or Redis server, through valkey-py.

`store.py` is what users make, `session.py` the connection of one worker, `subscriber.py` its pushes,
`commands.py` and `replies.py` the encoding, `scripts/` what the server carries out.
"""

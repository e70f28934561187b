"""Six faults of a server, which every library is tried with."""

from ranvier.simulator import Cut, Empty, ErrorIn200, Fault, Silence, Status

FAULTS: dict[str, list[Fault]] = {
    "503 twice": [Status(503), Status(503)],
    "429 with Retry-After": [Status(429, retry_after=0.3)],
    "cut before content": [Cut(after=0)],
    "error in a 200": [ErrorIn200(503)],
    "silence": [Silence()],
    "empty body": [Empty()],
}

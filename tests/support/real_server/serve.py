"""Runs llama.cpp's server until its input ends or it is killed: `serve.py model.gguf context slots key`.

It is a process of its own, so that a test can kill it, and so that its crash is not that of the tests.
Its input is a pipe of theirs, so that it never outlives them.
"""

from __future__ import annotations

import sys

import xllamacpp


def main(model: str, context: str, slots: str, key: str) -> None:
    """Listen on a free port, and print the address."""
    settings = xllamacpp.CommonParams()
    settings.model.path = model
    settings.model_alias = {"tiny"}
    settings.port = 0
    settings.n_ctx = int(context)
    settings.n_parallel = int(slots)
    settings.kv_unified = False
    settings.n_gpu_layers = 0
    settings.use_jinja = True
    for threads in (settings.cpuparams, settings.cpuparams_batch):
        threads.n_threads = 1  # several would wait for one another, busily, and the tests need the processor
    settings.n_threads_http = 64  # a connection holds one of them while it is kept alive
    settings.warmup = False
    settings.endpoint_slots = True
    settings.endpoint_metrics = True
    settings.api_keys = [key]
    server = xllamacpp.Server(settings)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""A web application and a worker whose pipeline has been used before their processes are forked."""

import os

from ranvier import Pipeline, current_tenant, tenant
from ranvier.layers import Breaker, Deadline, Fallback, Retry, Timeout
from ranvier.providers import Anthropic

provider = Anthropic("sk-ours", base_url=os.environ["SIMULATED"])
pipeline = Pipeline(Deadline(30), Fallback(provider), Retry(1), Breaker(), Timeout(20))
pipeline.sync.complete("Are you there?")  # so that there is a loop, a thread and a connection before the fork


def asked(name: str) -> str:
    """What a worker says of one answer: its process, its tenant, and whether whole and streamed ones came."""
    with tenant(name):
        whole = pipeline.sync.complete("Why?").text
        with pipeline.sync.stream("Why?") as answer:
            streamed = answer.collect().text
        return f"{os.getpid()} {current_tenant()} {bool(whole)} {bool(streamed)}"


def application(environ, start_response):
    """A WSGI application."""
    start_response("200 OK", [("content-type", "text/plain")])
    return [asked(environ["QUERY_STRING"]).encode()]


try:
    from celery import Celery
except ImportError:
    pass
else:
    folder = os.environ.get("SPOOL", ".")
    paths = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": f"{folder}-control"}
    worker = Celery("forked_app", broker="filesystem://", backend=f"file://{folder}-results")
    worker.conf.update(broker_transport_options=paths, worker_hijack_root_logger=False)

    @worker.task
    def ask(name: str) -> str:
        """A task."""
        return asked(name)

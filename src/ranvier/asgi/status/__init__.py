"""The status page: the state of a pipeline as a web page, as JSON, and as metrics for Prometheus.

Start with `app.py`, which answers requests. `stats.py` counts events in the windows of `windows.py`,
`stories.py` keeps recent calls, `tenants.py` counts by tenant, `circuits.py` reads circuits. `report.py`
combines them, and `health.py` rates the result.
"""

from ranvier.asgi.status.app import status_app

__all__ = ["status_app"]

"""A page that a person can leave open: how a pipeline does, drawn so that trouble is seen before it is read.

Start with `app.py`, which answers. `ledger.py` listens and counts in the windows of `windows.py`,
`stories.py` keeps calls, `circuits.py` looks at circuits; `report.py` puts it together and `health.py`
judges it.
"""

from ranvier.asgi.status.app import status_app

__all__ = ["status_app"]

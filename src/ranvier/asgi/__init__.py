"""For web applications: whose a request is, whether its client still waits, and how the pipeline does.

    app.add_middleware(TenantMiddleware)                                  # Starlette and FastAPI
    Litestar(route_handlers=[...], middleware=[TenantMiddleware])

    app.mount("/ranvier", status_app(pipeline))                           # a page for operators

All of it is plain ASGI and knows no framework. The middlewares pass lifespan through untouched.
"""

from ranvier.asgi.status import status_app
from ranvier.asgi.tenant import CancelOnDisconnect, TenantMiddleware, TenantResolver

__all__ = ["CancelOnDisconnect", "TenantMiddleware", "TenantResolver", "status_app"]

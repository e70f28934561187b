"""For web applications: tenants of requests, cancellation on disconnect, and a status page.

    app.add_middleware(TenantMiddleware)                                  # Starlette and FastAPI
    Litestar(route_handlers=[...], middleware=[TenantMiddleware])

    app.mount("/ranvier", status_app(pipeline))                           # a page for operators

All of it is plain ASGI and works with any framework. The middlewares pass lifespan through unchanged.
"""

from ranvier.asgi.status import status_app
from ranvier.asgi.tenant import CancelOnDisconnect, TenantMiddleware, TenantResolver

__all__ = ["CancelOnDisconnect", "TenantMiddleware", "TenantResolver", "status_app"]

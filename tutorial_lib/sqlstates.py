"""Which errors of PostgreSQL are worth another attempt, whatever the driver."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

# lock_not_available, deadlock_detected, serialization_failure: the server rolled the
# transaction back because of what other sessions did, so the same one may succeed next time.
LOCK_NOT_AVAILABLE = "55P03"
RETRYABLE = frozenset({LOCK_NOT_AVAILABLE, "40P01", "40001"})


def sqlstate_of(error: Exception) -> str:
    """Return the SQLSTATE of an error, SQLAlchemy's or the driver's own.

    It's "" if the error didn't come from the server.

    psycopg calls it `sqlstate`, psycopg2 `pgcode`. Neither has one when the connection is lost.
    """
    driver_error = error.orig if isinstance(error, DBAPIError) else error
    return getattr(driver_error, "sqlstate", None) or getattr(driver_error, "pgcode", None) or ""

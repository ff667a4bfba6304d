"""The drivers that the library works with; a test marked `both_drivers` runs once with each."""

from __future__ import annotations

import pytest

DRIVERS = ("psycopg2", "psycopg")  # SQLAlchemy's names: psycopg is psycopg 3
# For tests that use one of the fixtures url, engine and shared.
both_drivers = pytest.mark.parametrize("driver", DRIVERS, scope="module")


@pytest.fixture(scope="module", params=DRIVERS, name="driver")
def each_driver(request: pytest.FixtureRequest) -> str:
    """Each of the drivers. A file that assigns it to `driver` runs with both, whole."""
    return str(request.param)

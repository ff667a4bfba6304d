"""The drivers that the library works with; a test marked `both_drivers` runs once with each."""

from __future__ import annotations

import pytest

DRIVERS = ("psycopg2", "psycopg")  # SQLAlchemy's names: psycopg is psycopg 3
# For tests that use one of the fixtures url, engine and shared.
both_drivers = pytest.mark.parametrize("driver", DRIVERS, scope="module")

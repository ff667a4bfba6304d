"""Simulate a service in use: call functions again and again while something else happens.

def read(connection):
    connection.execute(text("SELECT count(*) FROM users"))

with workload.run(engine, rate=50, readers=read) as report:
    ...  # a migration, a backfill, a deployment
report
"""

from __future__ import annotations

from .plans import Worker
from .report import Call, ErrorSummary, WorkerSummary, WorkloadReport
from .runner import run

__all__ = ["Call", "ErrorSummary", "Worker", "WorkerSummary", "WorkloadReport", "run"]

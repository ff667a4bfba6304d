"""Benchmark writing a DataFrame: frames.write, DataFrame.to_sql, and COPY alone.

    python benchmarks/frames_write.py             100k users, five rounds, both drivers
    python benchmarks/frames_write.py --rows 1000000 --rounds 3

All ways run in random order in each round, each into an empty table without indexes. Each line is
the median of its rounds: seconds, how many times faster than to_sql, how many times the bare COPY.
COPY alone sends rows that are encoded already: the lower bound. Ratios of one run can be
compared, seconds of two machines cannot.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, text

from coursekit import servers
from coursekit.instructor.isolated_run import isolated_run
from tutorial_lib import frames
from tutorial_lib.db import make_engine
from tutorial_lib.frames.drivers import driver_of

TABLE = """
CREATE TABLE users (id bigint, name text, email text, password text, created_at timestamptz,
    balance float8, active boolean, age int)"""
BASE = "to_sql"
FLOOR = "COPY alone"


def users(rows: int) -> pd.DataFrame:
    """Return a DataFrame of users with eight scalar columns."""
    i = np.arange(rows)
    return pd.DataFrame(
        {
            "id": i,
            "name": [f"User {number}" for number in i],
            "email": [f"user{number}@example.com" for number in i],
            "password": [f"$argon2id$v=19$m=65536,t=3,p=4${n:022x}${n:043x}" for n in i],
            "created_at": pd.date_range("2020", periods=rows, freq="97s", tz="UTC").as_unit("us"),
            "balance": (i * 7919 % 1_000_000) / 100,
            "active": i % 3 == 0,
            "age": np.where(i % 10 > 0, i % 90, np.nan),
        }
    )


def ways(df: pd.DataFrame, engine: Engine) -> dict[str, Callable[[], Any]]:
    """Return functions that write the DataFrame."""
    options: dict[str, Any] = {"con": engine, "if_exists": "append", "index": False}
    arrow = df.convert_dtypes(dtype_backend="pyarrow")
    lines = encoded(df, engine)
    return {
        BASE: lambda: df.to_sql("users", **options),
        "to_sql, multi": lambda: df.to_sql("users", method="multi", chunksize=1000, **options),
        "frames.write": lambda: frames.write(df, "users", engine),
        "frames.write, pyarrow": lambda: frames.write(arrow, "users", engine),
        "frames.write, on_conflict": lambda: frames.write(
            df, "users", engine, on_conflict="nothing"
        ),
        FLOOR: lambda: copied(lines, engine),
    }


def encoded(df: pd.DataFrame, engine: Engine) -> list[bytes]:
    """Return the table as COPY writes it."""
    lines: list[bytes] = []
    frames.write(df, "users", engine)
    with engine.connect() as connection:
        driver_of(connection).copy_out(b"COPY users TO STDOUT", lines.append, 1 << 20)
    return lines


def copied(lines: list[bytes], engine: Engine) -> None:
    """Send encoded rows."""
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
        driver_of(connection).copy_in(b"COPY users FROM STDIN", lines)


def seconds(action: Callable[[], object], engine: Engine) -> float:
    """Return how long a write into the empty table takes."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE users"))
    gc.collect()
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def main(rows: int, rounds: int, seed: int) -> None:
    """Measure everything in random order and print the results."""
    server, df, chance = servers.find(), users(rows), random.Random(seed)
    engines = {
        driver: make_engine(server.url.set(drivername=f"postgresql+{driver}"))
        for driver in ("psycopg2", "psycopg")
    }
    with engines["psycopg2"].begin() as connection:
        connection.execute(text(TABLE))
    jobs = [
        (driver, way, action)
        for driver, engine in engines.items()
        for way, action in ways(df, engine).items()
    ]
    taken: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for driver, way, action in chance.sample(jobs, len(jobs)):
            taken.setdefault((driver, way), []).append(seconds(action, engines[driver]))
    print(f"{rows} rows, {rounds} rounds, seed {seed}, load {os.getloadavg()[0]:.1f}")
    for driver, engine in engines.items():
        show(driver, {way: statistics.median(taken[driver, way]) for _, way, _ in jobs})
        engine.dispose()


def show(driver: str, found: dict[str, float]) -> None:
    """Print one driver's results."""
    print(f"\n{driver:<28}{'s':>9}{'faster':>8}{'floors':>8}")
    for way, each in found.items():
        print(f"  {way:<26}{each:9.3f}{found[BASE] / each:8.1f}{each / found[FLOOR]:8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    arguments = parser.parse_args()
    with isolated_run():
        main(arguments.rows, arguments.rounds, arguments.seed)

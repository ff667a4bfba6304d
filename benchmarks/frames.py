"""Benchmark reading into DataFrames: frames.read, other libraries, and COPY alone.

    python benchmarks/frames.py             sizes up to 1M users and 5M narrow rows; 20 minutes
    python benchmarks/frames.py --quick     sizes up to 100k; two minutes
    python benchmarks/frames.py --rounds 7 --only "1M users"

Needs what `pip install -e .[benchmarks]` brings. Every measurement is a process of its own, which
imports, connects and reads one row before the clock runs; all of them come in random order. Times
of one row and of 1000 are medians within a process. Each line is the median of its rounds: seconds,
how many times faster than pandas.read_sql with the same driver, how many times the seconds of the
bare COPY as CSV and of ADBC (Arrow), processor seconds of the client and of the server, and the
peak of memory above what was used before: in MB, and how many times that of pandas and of ADBC.
Ratios of one run can be compared, seconds of two machines cannot.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import psutil
from sqlalchemy import Engine, text

from coursekit import servers
from coursekit.instructor.isolated_run import isolated_run
from coursekit.servers.cluster import Cluster
from coursekit.settings import read_settings
from tutorial_lib.db import make_engine

USERS = """
CREATE UNLOGGED TABLE users AS SELECT
    i::bigint AS id, 'User ' || i AS name, 'user' || i || '@example.com' AS email,
    '$argon2id$v=19$m=65536,t=3,p=4$' || substr(hash, 1, 22) || '$' || substr(hash, 22, 43)
        AS password,
    timestamptz '2020-01-01' + i * interval '97.123457 s' AS created_at,
    (i::bigint * 7919 % 1000000 / 100.0)::numeric(10, 2) AS balance, i % 3 = 0 AS active,
    CASE WHEN i % 10 > 0 THEN i % 90 END AS age,
    CASE WHEN i % 20 > 0 THEN jsonb_build_object(
        'plan', (ARRAY['free', 'pro', 'team'])[1 + i % 3], 'logins', i % 500) END AS settings,
    md5(i::text)::uuid AS token, date '1950-01-01' + i % 20000 AS birthday,
    CASE i % 3 WHEN 0 THEN '{new}' WHEN 1 THEN '{new,north}' ELSE '{}' END::text[] AS tags
FROM generate_series(1, :rows) AS i,
    LATERAL (SELECT encode(sha512(i::text::bytea), 'hex') AS hash) AS hashed"""
NARROW = """
CREATE UNLOGGED TABLE narrow AS SELECT i::bigint AS id, (i::bigint * 7919 % 1000)::int AS a,
    (i % 7)::smallint AS b, i * 0.37::float8 AS x, sin(i) AS y
FROM generate_series(1, :rows) AS i"""
CELL = "CREATE UNLOGGED TABLE cells AS SELECT repeat(md5('x'), 3125000) AS cell"
SCALARS = "id, name, email, password, created_at, balance, active, age, birthday"


KEYS = ("seconds", "client", "server", "memory")


@dataclass(frozen=True)
class Case:
    """A query, and how many times a process runs it."""

    query: str
    times: int = 1
    ways: tuple[str, ...] = ()


def cases(quick: bool) -> dict[str, Case]:
    """Return the queries by name."""
    users, narrow = ("100k", "200k") if quick else ("1M", "5M")
    chunked = ("frames, chunks", "pandas, chunksize", "pandas, stream_results")
    found = {
        "1 row of users": Case("SELECT * FROM users LIMIT 1", 40),
        "1k users": Case("SELECT * FROM users LIMIT 1000", 10),
        "100k users": Case("SELECT * FROM users LIMIT 100000"),
        f"{users} users": Case("SELECT * FROM users"),
        f"{users} users, scalar columns": Case(f"SELECT {SCALARS} FROM users"),
        f"{narrow} narrow rows": Case("SELECT * FROM narrow"),
        "one cell of 100 MB": Case("SELECT cell FROM cells"),
        f"first 10k of {users} users": Case("SELECT * FROM users", 1, chunked),
    }
    return found


# -- the ways; each gives a function that reads once, on a connection that is open


def engine(driver: str = "psycopg2") -> Engine:
    """Return an engine for this run's server."""
    return make_engine(os.environ["BENCHMARK_URL"].replace("+psycopg2", f"+{driver}"))


def uri() -> str:
    """Return its URL in the form that other drivers take."""
    return os.environ["BENCHMARK_URL"].replace("+psycopg2", "")


def by_frames(query: str, **options: Any) -> Callable[[], object]:
    """Read with frames.read."""
    from tutorial_lib import frames

    place = engine(options.pop("driver", "psycopg2"))
    if options.get("chunks"):
        return lambda: next(iter(frames.read(query, place, **options)))
    return lambda: frames.read(query, place, **options)


def by_pandas(query: str, **options: Any) -> Callable[[], object]:
    """Read with pandas.read_sql."""
    import pandas as pd

    place, stream = engine(options.pop("driver", "psycopg2")), options.pop("stream", False)

    def read() -> object:
        with place.connect().execution_options(stream_results=stream) as connection:
            found = pd.read_sql(text(query), connection, **options)
            return next(iter(found)) if "chunksize" in options else found

    return read


def by_adbc(query: str, **options: Any) -> Callable[[], object]:
    """Read with ADBC into pandas."""
    import pandas as pd
    from adbc_driver_postgresql import dbapi

    connection = dbapi.connect(uri())
    return lambda: pd.read_sql(query, connection, **options)


def by_adbc_arrow(query: str) -> Callable[[], object]:
    """Read with ADBC into an Arrow Table."""
    from adbc_driver_postgresql import dbapi

    connection = dbapi.connect(uri())

    def read() -> object:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetch_arrow_table()

    return read


def by_connectorx(query: str) -> Callable[[], object]:
    """Read with connectorx, which connects for every read."""
    import connectorx

    return lambda: connectorx.read_sql(uri(), query)


def by_polars(query: str) -> Callable[[], object]:
    """Read into a polars DataFrame; it connects for every read."""
    import polars

    return lambda: polars.read_database_uri(query, uri(), engine="adbc")


def by_read_csv(query: str) -> Callable[[], object]:
    """Read with COPY and pandas' CSV parser, which can't tell '' from NULL."""
    import pandas as pd

    copy = drained(query, "csv, HEADER")

    def read() -> object:
        target = io.BytesIO()
        copy(target)
        target.seek(0)
        return pd.read_csv(target)

    return read


def drained(query: str, form: str) -> Callable[..., object]:
    """Run COPY and discard the rows: the lower bound."""
    cursor = engine().raw_connection().cursor()
    nowhere = type("Nowhere", (), {"write": staticmethod(len)})()
    command = f"COPY ({query}) TO STDOUT (FORMAT {form})"
    return lambda target=nowhere: cursor.copy_expert(command, target)


WAYS: dict[str, Callable[[str], Callable[[], object]]] = {
    "COPY as CSV, drained": lambda query: drained(query, "csv"),
    "COPY as binary, drained": lambda query: drained(query, "binary"),
    "pandas.read_sql": by_pandas,
    "frames.read": by_frames,
    "frames.read, pyarrow": lambda query: by_frames(query, dtype_backend="pyarrow"),
    "frames.read, to=arrow": lambda query: by_frames(query, to="arrow"),
    "frames.read, to=polars": lambda query: by_frames(query, to="polars"),
    "frames.read, psycopg 3": lambda query: by_frames(query, driver="psycopg"),
    "frames.read, psycopg 3, to=arrow": lambda query: by_frames(
        query, driver="psycopg", to="arrow"
    ),
    "pandas.read_sql, psycopg 3": lambda query: by_pandas(query, driver="psycopg"),
    "ADBC, Arrow": by_adbc_arrow,
    "ADBC": by_adbc,
    "ADBC, pyarrow": lambda query: by_adbc(query, dtype_backend="pyarrow"),
    "connectorx": by_connectorx,
    "polars": by_polars,
    "COPY into read_csv": by_read_csv,
}
CHUNKED: dict[str, Callable[[str], Callable[[], object]]] = {
    "frames, chunks": lambda query: by_frames(query, chunks=10_000),
    "pandas, chunksize": lambda query: by_pandas(query, chunksize=10_000),
    "pandas, stream_results": lambda query: by_pandas(query, chunksize=10_000, stream=True),
}


# -- one measurement, in a process of its own


def measure(way: str, query: str, times: int) -> dict[str, float]:
    """Return seconds, CPU seconds of client and server, and peak memory."""
    warm, read = ({**WAYS, **CHUNKED}[way](each) for each in ("SELECT 1 AS n", query))
    warm()
    before, memory = processor(), peak()
    taken = [seconds(read) for _ in range(times)]
    client, server = (late - early for late, early in zip(processor(), before, strict=True))
    return {
        "seconds": statistics.median(taken),
        "client": client / times,
        "server": server / times,
        "memory": peak() - memory,
    }


def seconds(action: Callable[[], object]) -> float:
    """Return how long one call takes; its result is freed only afterwards."""
    begun = time.perf_counter()
    found = action()
    taken = time.perf_counter() - begun
    del found
    return taken


def processor() -> tuple[float, float]:
    """Return the CPU seconds of this process, and of the server with its child processes."""
    postmaster = psutil.Process(int(os.environ["BENCHMARK_PID"]))
    own = postmaster.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in postmaster.children():
        times = child.cpu_times()
        total += times.user + times.system
    return time.process_time(), total


def peak() -> float:
    """Return this process's peak memory in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20 if sys.platform == "darwin" else 1 << 10)


# -- all of them


def prepare(quick: bool) -> None:
    """Start a server with the two tables; the environment names it for the measurements."""
    server = servers.find()
    place = make_engine(server.url, isolation_level="AUTOCOMMIT")
    with place.connect() as connection:
        for statement, rows in ((USERS, 100_000 if quick else 1_000_000),
                                (NARROW, 200_000 if quick else 5_000_000)):  # fmt: skip
            connection.execute(text(statement), {"rows": rows})
        connection.execute(text(CELL))
        connection.execute(text("VACUUM ANALYZE"))
    place.dispose()
    os.environ["BENCHMARK_URL"] = server.url.render_as_string(hide_password=False)
    os.environ["BENCHMARK_PID"] = str(Cluster(read_settings().server_home).pid())


def run(way: str, case: Case) -> dict[str, float] | None:
    """Run one measurement; return None if the library can't read this."""
    job = json.dumps([way, case.query, case.times])
    done = subprocess.run(
        [sys.executable, __file__, "--one", job], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"   {way}: {done.stderr.strip().splitlines()[-1][:200]}", file=sys.stderr)
        return None
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(wanted: argparse.Namespace) -> None:
    """Measure everything in random order and print the results."""
    only = wanted.only.split(";")
    chosen = {n: c for n, c in cases(wanted.quick).items() if any(part in n for part in only)}
    jobs = [
        (name, way)
        for name, case in chosen.items()
        for way in (case.ways or WAYS)
        if any(part in way for part in wanted.ways.split(";"))
        for _ in range(wanted.rounds)
    ]
    random.Random(wanted.seed).shuffle(jobs)
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for number, (name, way) in enumerate(jobs, 1):
        print(f"   {number} of {len(jobs)}: {way}, {name} ...", file=sys.stderr)
        result = run(way, chosen[name])
        if result:
            found.setdefault((name, way), []).append(result)
    print(f"{wanted.rounds} rounds, seed {wanted.seed}, load at the end {os.getloadavg()[0]:.1f}")
    for name, case in chosen.items():
        show(name, {way: found.get((name, way), []) for way in (case.ways or WAYS)})


def show(name: str, ways: dict[str, list[dict[str, float]]]) -> None:
    """Print one query's results."""
    lines = {
        way: {key: statistics.median(each[key] for each in rounds) for key in KEYS if rounds}
        for way, rounds in ways.items()
    }
    floor, adbc = lines.get("COPY as CSV, drained"), lines.get("ADBC, Arrow")
    head = "".join(
        f"{each:>9}" for each in ("s", "faster", "of COPY", "of ADBC", "client", "server")
    )
    print(f"\n{name:<34}{head}{'MB':>7}{'of pandas':>11}{'of ADBC':>9}")
    for way, line in lines.items():
        if not line:
            print(f"  {way:<32} not measured, or cannot read this")
            continue
        slow = _pandas(way, lines)
        print(
            f"  {way:<32}{line['seconds']:9.4f}"
            f"{_ratio('seconds', slow, line)}{_ratio('seconds', line, floor)}"
            f"{_ratio('seconds', line, adbc)}{line['client']:9.4f}{line['server']:9.4f}"
            f"{line['memory']:7.0f}  {_ratio('memory', line, slow)}{_ratio('memory', line, adbc)}"
        )


def _pandas(way: str, lines: dict[str, dict[str, float]]) -> dict[str, float] | None:
    """Return pandas' result with the same driver, or else with psycopg2."""
    same = lines.get("pandas.read_sql, psycopg 3") if "psycopg 3" in way else None
    return same or lines.get("pandas.read_sql") or lines.get("pandas, chunksize")


def _ratio(key: str, one: dict[str, float] | None, other: dict[str, float] | None) -> str:
    """Return how many times one is the other; nothing if one of them wasn't measured."""
    if not one or not other or not other[key]:
        return " " * 9
    return f"{one[key] / other[key]:9.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="sizes up to 100k")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--only", default="", help="queries whose names hold one of these; a;b;c")
    parser.add_argument("--ways", default="", help="ways whose names hold one of these; a;b;c")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(*json.loads(arguments.one))))
    else:
        with isolated_run():
            prepare(arguments.quick)
            main(arguments)

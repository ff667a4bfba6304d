"""The check of the exercise about which server responded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import index
from random import Random
from typing import Any

from sqlalchemy import NullPool

from coursekit.exercises import draws
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.left_behind import left_as_it_was, watching
from coursekit.exercises.submission import Submission
from tutorial_lib.db import make_engine

QUERY = "The URL may be wrong, and this one is. Query the server, through the engine you are given."
QUERIES = 6  # of the function, at most, that are rejected in turn
SCALAR = "This is a result, or a row of it. connection.scalar(...) returns the value itself."
SWAPPED = "the order of the values: the database comes first, then the user"


def _who(
    names: dict[str, Any],
    engine: Any,
    user: str,
    shown: tuple[int, int, dict[str, str]],
    later: dict[str, str],
) -> dict[str, Any]:
    """Call `server_identity` with an engine whose URL is wrong in each part but still connects.

    It's called twice. The server reports the names of `later` the second time.
    """
    from coursekit.lessons.connect.disguised import Misdirected

    misdirected = Misdirected(engine, user, shown)
    try:
        with watching(misdirected.engine, misdirected.left) as misdirected.sent:
            said = names["server_identity"](misdirected.engine)
            misdirected.rename(later)
            # The pool has one connection.
            again = None if misdirected.kept else names["server_identity"](misdirected.engine)
        kept = misdirected.kept
    finally:
        misdirected.close()
    first, second = _three(said), _three(again)
    seen = {"said": first or repr(said), "three": bool(first), "again": second or repr(again)}
    return {**seen, "kept": kept, "left": sorted(misdirected.left)}


def _who_fails(
    names: dict[str, Any], engine: Any, user: str, shown: tuple[int, int, dict[str, str]]
) -> dict[str, Any]:
    """Call `server_identity` while the server rejects a query; say what came out.

    It rejects all queries, the next time all but the first, and so on.
    """
    for accepted in range(QUERIES):
        seen = _fails_after(accepted, names["server_identity"], engine, user, shown)
        if not seen["rejected"] or seen["said"] or seen["kept"]:
            break
    return seen if seen["rejected"] or not accepted else {"said": "", "kept": seen["kept"]}


def _fails_after(
    accepted: int, function: Any, engine: Any, user: str, shown: tuple[int, int, dict[str, str]]
) -> dict[str, Any]:
    """Call the function while the server accepts a number of queries and rejects the next."""
    import psycopg2

    from coursekit.lessons.connect.disguised import Misdirected

    misdirected = Misdirected(engine, user, shown)
    rejected = psycopg2.errors.QueryCanceled("canceling statement due to user request")
    try:
        misdirected.engine.connect().close()
        misdirected.broken += [*[None] * accepted, rejected]
        held: list[Exception] = []  # as a log would hold it, with all that its frames refer to
        try:
            said = f"no exception, but {function(misdirected.engine)!r}"
        except Exception as error:
            held.append(error)
            own = _comes_from(error, rejected)
            said = "" if own else f"{type(error).__name__}: {error}"
        was_raised = rejected.__traceback__ is not None
        return {"said": said, "kept": misdirected.kept, "rejected": was_raised}
    finally:
        misdirected.close()


def _comes_from(error: BaseException, rejected: Exception) -> bool:
    """Return whether an error is the driver's, or what SQLAlchemy or pandas makes of it."""
    both = [each for each in (error, error.__cause__) if each is not None]
    found = any(rejected in (each, getattr(each, "orig", None)) for each in both)
    return found and "DatabaseError" in [each.__name__ for each in type(error).__mro__]


def _three(said: Any) -> list[Any]:
    """Return three values as plain data; [] if it's anything else."""
    three = isinstance(said, Sequence) and not isinstance(said, str) and len(said) == 3
    return [_plain(one) for one in said] if three else []


def _plain(value: Any) -> Any:
    """Return a value as plain data; an integer of NumPy is one, too."""
    if isinstance(value, str | bool | float):
        return value
    return index(value) if hasattr(value, "__index__") else repr(value)


def server_identity(submission: Submission) -> Iterator[CheckItem]:
    """Check that the values come from the server, not the URL, and the connection is returned."""
    # The learner can't know this database's name.
    database = submission.new_database(draws.token(submission.random))
    engine = make_engine(database.url, poolclass=NullPool)
    role, wanted, shown = _drawn_answer(database, submission.random)
    real = _major(database)
    later, renamed = _renamed(submission.random, shown[2], wanted)
    result = submission.call(_who, engine, role, shown, later)
    if result.error or not result.value["three"]:
        yield _not_three(result)
        return
    name, user, version = result.value["said"]
    swapped = (name, user) == (wanted["user"], wanted["database"])
    for what, got in (("database", name), ("user", user)):
        where = SCALAR if str(got).startswith(("<", "(", "[")) else QUERY
        where = SWAPPED if swapped else where
        if str(got).lower() == wanted[what].lower():
            where = "Pass on the name as the server reports it: capital letters count."
        yield expect_equal(f"the {what} is what the server reports", got, wanted[what], where)
    where = "An integer: the digits before the point of SHOW server_version, with int()."
    if str(version).isdecimal() and int(version) == real:
        where = (
            "Your own server has this version, and the one behind this engine has another. Query "
            "it through the engine, with SHOW server_version_num."
        )
    what = "the version is the server's major version, an integer"
    got = version if type(version) is int else f"{version!r}, a {type(version).__name__}"
    yield expect_equal(what, got, wanted["version"], where)
    failed = submission.call(_who_fails, engine, role, shown)
    yield from _kept(result.value, failed)
    expected = [wanted["database"], wanted["user"], wanted["version"]]
    if [name, user, version] != expected or result.value["kept"]:
        return
    yield from _later_calls(submission, database, result.value["again"], renamed)


def _later_calls(
    submission: Submission, database: Database, got: Any, renamed: list[Any]
) -> Iterator[CheckItem]:
    """Report on a second call with the same engine, and on a call with another one."""
    where = "Does the function return values of an earlier call? Run the queries in each call."
    yield expect_equal("a second call returns what the server reports by then", got, renamed, where)
    engine = make_engine(database.url, poolclass=NullPool)
    role, wanted, shown = _drawn_answer(database, submission.random)
    again = submission.call(_who, engine, role, shown, {})
    got = again if again.error else again.value["said"]
    expected = [wanted["database"], wanted["user"], wanted["version"]]
    yield expect_equal("the values are those of the engine that is passed in", got, expected, where)


def _not_three(result: ProbeResult) -> CheckItem:
    """Report an error, or something other than three values."""
    got = result if result.error else result.value["said"]
    where = "The last line of the function: return database, user, version."
    if result.error:
        where = "Try it with exercise.engine. The last line of the error says what's wrong."
    if result.error.startswith("TimeoutError"):
        where = "A second connection was checked out, and the first one wasn't returned."
    if result.error.startswith("OperationalError"):
        where = "Its URL is wrong on purpose. Use the engine that is passed to the function."
    what, wanted = "server_identity returns three values", "(database, user, 18)"
    return expect_that(what, False, wanted, got, where)


def _kept(seen: dict[str, Any], failed: ProbeResult) -> Iterator[CheckItem]:
    """Report on the connection, the engine, and a query that the server rejects."""
    where = "Use a `with` block: at its end, it returns the connection to the pool."
    kept = f"{seen['kept']} checked out"
    if not seen["kept"] and failed.value and failed.value["kept"]:
        kept = f"{failed.value['kept']} checked out, after an error"
        where = "Use a `with` block: it returns the connection to the pool even after an error."
    yield expect_equal("the connection is returned to the pool", kept, "0 checked out", where)
    yield left_as_it_was(seen["left"])
    where = "Run the queries in each call, and don't catch their errors: the caller needs them."
    got = failed.error or failed.value["said"] or "the query's error"
    what = "if a query fails, the caller gets its error"
    yield expect_equal(what, got, "the query's error", where)


def _one(database: Database, setting: str) -> str:
    ((value,),) = database.query("SELECT pg_catalog.current_setting(:name)", name=setting)
    return str(value)


def _major(database: Database) -> int:
    return int(_one(database, "server_version_num")) // 10000


def _drawn_answer(
    database: Database, random: Random
) -> tuple[str, dict[str, Any], tuple[int, int, dict[str, str]]]:
    """Return a role, what the server is to report, and what to show in place of the real values.

    No learner can know the names and the version that are shown.
    """
    ((name, login),) = database.query("SELECT pg_catalog.current_database(), SESSION_USER")
    user = login
    if _one(database, "is_superuser") == "on":
        roles = database.query("SELECT rolname FROM pg_catalog.pg_roles")
        user = random.choice(sorted(role for (role,) in roles if role.startswith("pg_")))
    version = random.randrange(30, 100)  # no release that a learner could have
    shown = {name: draws.name(random), user: draws.name(random)}
    wanted = {"database": shown[name], "user": shown[user], "version": version}
    shown[login] = shown[user]  # pg_stat_activity shows who logged in, whatever the role is now
    return user, wanted, (_major(database), version, shown)


def _renamed(
    random: Random, shown: dict[str, str], wanted: dict[str, Any]
) -> tuple[dict[str, str], list[Any]]:
    """Return other names to show, and the three values that the server then reports."""
    new = {old: draws.name(random) for old in dict.fromkeys(shown.values())}
    expected = [new[wanted["database"]], new[wanted["user"]], wanted["version"]]
    return {real: new[old] for real, old in shown.items()}, expected

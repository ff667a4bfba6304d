"""A rehearsal: run a learner's revisions one by one on a copy, while a service uses it.

Triggers in the copy record which locks a revision holds while it changes rows. So the verdict
doesn't depend on whether a session happened to wait, or on how fast this machine is.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from coursekit import limits
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.project_source import is_revision
from coursekit.exercises.submission import Submission
from tutorial_lib import workload
from tutorial_lib.db import make_engine

MANY = 100  # rows that one transaction may change while it locks their table
NAME = "rehearsal"  # application_name of the service's sessions
RUN = "alembic/versions: the revision that is named here, and the line that fails"
DEADLOCK = "a transaction that changes rows and then the table: who waits for whom?"
WAITED = (
    "a session of the shop waited {:g} seconds for a lock, then gave up: which lock does the "
    "revision hold, and for how long?"
)


@dataclass
class Sandbox:
    """The copy that a submission is rehearsed on.

    Attributes:
        submission: The learner's revisions.
        engine: The service's connections to the copy, with a pool of their own.
        steps: The submission's revisions, in the order they run.
        locked: A message for each revision that changed many rows while it held a lock that
            blocks writers.

    """

    submission: Submission
    engine: Engine
    steps: tuple[str, ...]
    locked: list[str] = field(default_factory=list)

    def run(self, command: str) -> ProbeResult:
        """Run an Alembic command on the copy; if it's stopped, end its sessions as well."""
        result = self.submission.alembic(command, go_on=True)
        if not result.ended:
            with self.engine.connect() as connection:
                connection.execute(text(CUT_OFF), {"name": NAME})
        return result

    def upgrade(self, steps: tuple[str, ...], **workers: workload.Worker) -> Iterator[CheckItem]:
        """Upgrade step by step while the workers run; yield an item each for steps and workers."""
        with workload.run(self.engine, **workers) as seen:
            failed = next(filter(None, map(self._failed, steps)), ProbeResult("no error"))
        what = f"the upgrade to {', '.join(steps)} runs while the shop is open"
        yield expect_that(what, not failed.error, "no error", failed, RUN)
        yield self.no_errors(seen.errors, f"during {', '.join(steps)}")

    def _failed(self, step: str) -> ProbeResult | None:
        """Upgrade to this step and note its locks; return the error, if there is one."""
        file = self.rows(FILE)
        ran = self.run(f"upgrade {step}")
        if ran.error:
            return ProbeResult(error=f"{step}: {ran.error}")
        self.locked += [
            f"{step}: {mode}, and {many} rows changed" for mode, many in self.rows(BULK)
        ]
        self.locked += [f"{step}: the whole table was rewritten"] * (self.rows(FILE) != file)
        return None

    def no_errors(self, errors: list[str], when: str) -> CheckItem:
        """Report whether the service ran into an error."""
        got = errors[0] if errors else "no error"
        where = "which version of the code runs at this point, and which columns does it name?"
        if "lock timeout" in got:
            where = WAITED.format(limits.SERVICE_LOCK_TIMEOUT)
        if "deadlock" in got:
            where = DEADLOCK
        what = f"the shop's sessions get no error {when}"
        return expect_that(what, not errors, "no error", got, where)

    def rows(self, query: str, **parameters: object) -> list[tuple[object, ...]]:
        """Return the rows of a query on the copy."""
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def refusal(self, *statements: str) -> str:
        """Run statements in one transaction and roll it back; return the error, or ""."""
        with self.engine.connect() as connection:
            try:
                for statement in statements:
                    connection.execute(text(statement))
            except Exception as error:  # any class of error is a result
                return f"{type(error).__name__}: {str(error).splitlines()[0]}"
            finally:
                connection.rollback()
        return ""


@contextmanager
def sandbox(submission: Submission, base: str, sql: str = "") -> Iterator[Sandbox]:
    """Copy the project and its database, and prepare the copy for a rehearsal.

    A project that Alembic can't read yields a Sandbox without steps.

    Args:
        submission: The learner's revisions.
        base: The revision the copy starts at.
        sql: Statements that add rows to the copy.

    """
    listed = submission.alembic("heads")
    if listed.error:
        yield Sandbox(submission, submission.scratch_engine, ())
        return
    url = submission.scratch_engine.url
    arguments = {"application_name": NAME}
    engine = make_engine(url, connect_args=arguments, pool_size=10)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(WATCH + sql)
        allow_long_waits(engine)
        engine.dispose()  # ALTER DATABASE ... SET applies to new sessions only
        yield Sandbox(submission, engine, line(submission, base))
    finally:
        engine.dispose()


def line(submission: Submission, base: str) -> tuple[str, ...]:
    """Return the revisions after `base`, up to the first that has no single successor."""
    found: list[str] = []
    while len(after := _after(submission, found[-1] if found else base)) == 1:
        if after[0] in found:
            break
        found += after
    return tuple(found)


def in_line(submission: Submission, base: str) -> CheckItem:
    """Report whether there are new revisions that follow `base` in one line.

    Raises:
        NotStarted: No file of the project defines anything new.

    """
    before = submission.initial_files
    if not any(
        _defines_something(text)
        for name, text in submission.files.items()
        if before.get(name) != text
    ):
        raise NotStarted
    found = line(submission, base)
    others = len(submission.revisions) - len(found) - sum(is_revision(name) for name in before)
    got = f"{', '.join(found) or 'none'}{f', and {others} beside them' if others else ''}"
    where = "revision and down_revision at the top of each file in alembic/versions"
    good = bool(found) and not others
    what = f"new revisions follow {base}, one after the other"
    return expect_that(what, good, "a line of one or more", got, where)


def models_match(sandbox: Sandbox) -> CheckItem:
    """Report whether `alembic check` finds no difference between models and database."""
    checked = sandbox.run("check")
    where = "%alembic check, after an upgrade: does the model say what the revisions have made?"
    return expect_that(
        "models and database are alike at the end", not checked.error, "alike", checked, where
    )


def unlocked(sandbox: Sandbox) -> CheckItem:
    """Report whether no revision changed many rows while it held a lock that blocks writers."""
    where = (
        "which steps share a transaction? A lock is held until its end. Change the table in one "
        "revision, the rows in another; or end the transaction with op.get_context()"
        ".autocommit_block()"
    )
    what = "no revision changes many rows while it holds a lock that blocks the shop"
    return expect_equal(what, sandbox.locked, [], where)


def allow_long_waits(engine: Engine) -> None:
    """Let new sessions in a database wait so long that it can't be due to a busy machine."""
    wait = f"SET lock_timeout = {round(1000 * limits.SERVICE_LOCK_TIMEOUT)}"
    change = f"'ALTER DATABASE ' || quote_ident(current_database()) || ' {wait}'"
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DO $$ BEGIN EXECUTE {change}; END $$")


def _after(submission: Submission, revision: str) -> list[str]:
    return [
        one for one, before in submission.revisions.items() if before in (revision, (revision,))
    ]


def _defines_something(source: str) -> bool:
    """Return whether a file defines a class or a function; a syntax error counts as an attempt."""
    try:
        nodes = ast.parse(source).body
    except SyntaxError:
        return True
    return any(isinstance(node, ast.ClassDef | ast.FunctionDef) for node in nodes)


CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> :name
"""
# Record each UPDATE of users: its transaction, its number of rows, and the strongest lock held.
WATCH = """
CREATE SCHEMA watch;
CREATE TABLE watch.updates (xid text, rows bigint, mode text);
CREATE FUNCTION watch.note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO watch.updates SELECT
        pg_current_xact_id()::xid::text, (SELECT count(*) FROM changed),
        (SELECT min(mode) FROM pg_locks WHERE pid = pg_backend_pid() AND granted
         AND relation = TG_RELID AND database IS NOT NULL AND mode IN (
            'ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock'));
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON users REFERENCING NEW TABLE AS changed
FOR EACH STATEMENT EXECUTE FUNCTION watch.note();
"""
# A lock taken after the UPDATE shows in the catalog: its rows carry the id of the transaction
# that wrote them (xmin). Finding the table by its trigger works even after a rename.
FILE = "SELECT pg_relation_filenode(tgrelid) FROM pg_trigger WHERE tgname = 'watch'"
BULK = f"""
WITH home (oid) AS (SELECT tgrelid FROM pg_trigger WHERE tgname = 'watch'), ddl (xid) AS (
    SELECT a.xmin::text FROM pg_attribute a JOIN home ON attrelid = home.oid
    UNION SELECT c.xmin::text FROM pg_class c JOIN home ON c.oid = home.oid
    UNION SELECT t.xmin::text FROM pg_trigger t JOIN home ON tgrelid = home.oid
    UNION SELECT i.xmin::text FROM pg_index i JOIN home ON indrelid = home.oid
), bulk AS (
    DELETE FROM watch.updates RETURNING xid, rows, mode
)
SELECT coalesce(min(mode), 'a lock that came later'), sum(rows)::int FROM bulk
GROUP BY xid
HAVING sum(rows) > {MANY} AND (min(mode) IS NOT NULL OR xid IN (SELECT xid FROM ddl))
"""  # noqa: S608  a constant

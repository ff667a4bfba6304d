"""A rehearsal: an answer's revisions run one by one on a copy, while a service uses it.

What a revision does to the locks of a table is noted by the copy itself, in triggers: whether
somebody had to wait is then no question of how fast this machine is.
"""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, text

from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.project_source import is_revision
from coursekit.exercises.submission import Submission
from tutorial_lib import workload
from tutorial_lib.db import make_engine

COMMAND_TIMEOUT = 40  # seconds that one command may take; a backfill may loop for ever
MANY = 100  # rows that one transaction may change while it locks their table
NAME = "rehearsal"  # what the sessions of the service are called
RUN = "alembic/versions: the revision that is named here, and the line that fails"
DEADLOCK = "a transaction that changes rows and then the table: who waits for whom?"
WAITED = "the shop ended a wait after 10 seconds: which lock does the revision hold, and how long?"


@dataclass
class Sandbox:
    """The copy on which an answer is rehearsed.

    engine  sessions of the service, with a pool of their own
    steps   the answer's revisions, in the order in which they run
    locked  where a revision has changed many rows while it kept others out, in words
    """

    submission: Submission
    engine: Engine
    steps: tuple[str, ...]
    locked: list[str] = field(default_factory=list)

    def run(self, command: str) -> ProbeResult:
        """Run one command of Alembic on the copy; one that does not end is cut off."""
        watchdog = threading.Timer(COMMAND_TIMEOUT, self._cut_off)
        watchdog.daemon = True
        watchdog.start()
        try:
            return self.submission.alembic(command, go_on=True)
        finally:
            watchdog.cancel()

    def upgrade(self, steps: tuple[str, ...], **workers: workload.Worker) -> Iterator[CheckItem]:
        """Upgrade step by step while the workers run: an item for the steps, one for the shop."""
        with workload.run(self.engine, **workers) as seen:
            told = next(filter(None, map(self._failed, steps)), ProbeResult("no error"))
        what = f"the upgrade to {', '.join(steps)} runs while the shop is open"
        yield expect_that(what, not told.error, "no error", told, RUN)
        yield self.no_errors(seen.errors, f"during {', '.join(steps)}")

    def _failed(self, step: str) -> ProbeResult | None:
        """Upgrade to this step: what went wrong, if anything did; locks are noted."""
        file = self.rows(FILE)
        told = self.run(f"upgrade {step}")
        if told.error:
            return ProbeResult(error=f"{step}: {told.error}")
        self.locked += [
            f"{step}: {mode}, and {many} rows changed" for mode, many in self.rows(BULK)
        ]
        self.locked += [f"{step}: the whole table was written anew"] * (self.rows(FILE) != file)
        return None

    def no_errors(self, errors: list[str], when: str) -> CheckItem:
        """That the service has met no error at that time."""
        got = errors[0] if errors else "no error"
        where = "which code runs at that moment, and which columns does it name?"
        if "lock timeout" in got:
            where = WAITED
        if "deadlock" in got:
            where = DEADLOCK
        what = f"nobody in the shop meets an error {when}"
        return expect_that(what, not errors, "no error", got, where)

    def rows(self, query: str, **parameters: object) -> list[tuple[object, ...]]:
        """The rows of a query on the copy."""
        with self.engine.begin() as connection:
            return [tuple(row) for row in connection.execute(text(query), parameters)]

    def refusal(self, *statements: str) -> str:
        """What PostgreSQL says to statements in one transaction, which is rolled back.

        Nothing when it takes them all.
        """
        with self.engine.connect() as connection:
            try:
                for statement in statements:
                    connection.execute(text(statement))
            except Exception as error:  # its class and first line are the answer
                return f"{type(error).__name__}: {str(error).splitlines()[0]}"
            finally:
                connection.rollback()
        return ""

    def _cut_off(self) -> None:
        with self.engine.connect() as connection:
            connection.execute(text(CUT_OFF), {"name": NAME})


@contextmanager
def sandbox(submission: Submission, base: str, sql: str = "") -> Iterator[Sandbox]:
    """A copy of the exercise, with further rows made by `sql`, at the revision `base`."""
    laid = submission.alembic("heads")
    if laid.error:
        yield Sandbox(submission, submission.scratch_engine, ())
        return
    url = submission.scratch_engine.url
    arguments = {"application_name": NAME}
    engine = make_engine(url, connect_args=arguments, pool_size=10)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(LONGER + WATCH + sql)
        engine.dispose()  # what is set for a database holds for new sessions
        yield Sandbox(submission, engine, line(submission, base))
    finally:
        engine.dispose()


def line(submission: Submission, base: str) -> tuple[str, ...]:
    """The revisions after `base`, as long as each has one that follows."""
    found: list[str] = []
    while len(after := _after(submission, found[-1] if found else base)) == 1:
        if after[0] in found:
            break
        found += after
    return tuple(found)


def in_line(submission: Submission, base: str) -> CheckItem:
    """That there are new revisions, and that they stand in one line.

    Raises NotStarted when no file of the project holds anything new.
    """
    before = submission.initial_files
    if not any(_says(text) for name, text in submission.files.items() if before.get(name) != text):
        raise NotStarted
    found = line(submission, base)
    others = len(submission.revisions) - len(found) - sum(is_revision(name) for name in before)
    got = f"{', '.join(found) or 'none'}{f', and {others} beside them' if others else ''}"
    where = "revision and down_revision at the top of each file in alembic/versions"
    good = bool(found) and not others
    what = f"new revisions follow {base}, one after the other"
    return expect_that(what, good, "a line of one or more", got, where)


def models_match(sandbox: Sandbox) -> CheckItem:
    """That the models and the database agree, as `alembic check` sees it."""
    told = sandbox.run("check")
    where = "%alembic check, after an upgrade: does the model say what the revisions have made?"
    return expect_that(
        "models and database are alike at the end", not told.error, "alike", told, where
    )


def unlocked(sandbox: Sandbox) -> CheckItem:
    """That no revision has changed many rows of `users` while it kept others out."""
    where = (
        "which steps share a transaction? A lock is held until its end. Change the table in one "
        "revision, the rows in another; or end the transaction with op.get_context()"
        ".autocommit_block()"
    )
    what = "no revision works through the rows while it keeps the shop out"
    return expect_equal(what, sandbox.locked, [], where)


def _after(submission: Submission, revision: str) -> list[str]:
    return [
        one for one, before in submission.revisions.items() if before in (revision, (revision,))
    ]


def _says(source: str) -> bool:
    """Whether a file defines anything; one that is no Python is an attempt."""
    try:
        nodes = ast.parse(source).body
    except SyntaxError:
        return True
    return any(isinstance(node, ast.ClassDef | ast.FunctionDef) for node in nodes)


CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> :name
"""
# A wait of seconds must come from the answer, and not from a machine with much else to do.
LONGER = """
DO $$ BEGIN
    EXECUTE 'ALTER DATABASE ' || quote_ident(current_database()) || ' SET lock_timeout = ''10s''';
END $$;
"""
# Who changes rows of users, how many in one statement, and what the transaction has locked.
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
# A lock that was taken after the rows were changed shows in the catalogue's own rows, which
# bear the number of the transaction that wrote them. The trigger knows its table by any name.
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
"""  # noqa: S608  a number of ours

"""A rehearsal: run a learner's revisions one by one on a copy, while a service uses it.

Two kinds of sessions use the copy. The service is the application: it runs with the usual search
path, and meets whatever the revisions have made. The check sees the copy through clean sessions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import URL, Engine, Executable

from coursekit import limits
from coursekit.exercises.clean_session import USUAL_PATH
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, NotStarted, ProbeResult, expect_equal, expect_that
from coursekit.exercises.project_source import is_revision
from coursekit.exercises.statements import statement
from coursekit.exercises.submission import Submission
from coursekit.exercises.watch import Watch, watching
from tutorial_lib import workload
from tutorial_lib.db import make_engine

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
        database: The copy, through clean sessions.
        watch: What watches its table `users`.
        steps: The submission's revisions, in the order they run.
        locked: A message for each revision that changed many rows while it held a lock that
            blocks writers.

    """

    submission: Submission
    engine: Engine
    database: Database
    watch: Watch
    steps: tuple[str, ...]
    locked: list[str] = field(default_factory=list)

    def run(self, command: str) -> ProbeResult:
        """Run an Alembic command on the copy; if it's stopped, end its sessions as well."""
        result = self.submission.alembic(command, go_on=True)
        if not result.ended:
            self._end_its_sessions()
        return result

    def _end_its_sessions(self) -> None:
        """End all sessions in the copy but the service's and our own."""
        here = self.database.url.database
        for name, pid, application, own in self.database.query(SESSIONS):
            if name == here and application != NAME and pid not in (own, self.watch.pid):
                self.database.query("SELECT pg_catalog.pg_terminate_backend(:pid)", pid=pid)

    def upgrade(self, steps: tuple[str, ...], **workers: workload.Worker) -> Iterator[CheckItem]:
        """Upgrade step by step while the workers run; yield an item each for steps and workers."""
        with workload.run(self.engine, workers) as seen:
            failed = next(filter(None, map(self._failed, steps)), ProbeResult("no error"))
        what = f"the upgrade to {', '.join(steps)} runs while the shop is open"
        yield expect_that(what, not failed.error, "no error", failed, RUN)
        yield self.no_errors(seen.errors, f"during {', '.join(steps)}")

    def _failed(self, step: str) -> ProbeResult | None:
        """Upgrade to this step and note its locks; return the error, if there is one."""
        ran = self.run(f"upgrade {step}")
        if ran.error:
            return ProbeResult(error=f"{step}: {ran.error}")
        self.locked += [f"{step}: {each}" for each in self.watch.found()]
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

    def refusal(self, *statements: Executable) -> str:
        """Run statements in one transaction and roll it back; return the error, or ""."""
        return self.database.attempt(*statements).error


@contextmanager
def sandbox(submission: Submission, base: str) -> Iterator[Sandbox | None]:
    """Copy the project and its database, and prepare the copy for a rehearsal.

    Yields:
        The copy; None if Alembic can't read the project.

    """
    if submission.alembic("heads").error:
        yield None
        return
    database = submission.copied_database
    allow_long_waits(database)
    engine = service(database.url)
    try:
        with watching(database) as watch:
            yield Sandbox(submission, engine, database, watch, line(submission, base))
    finally:
        engine.dispose()


def service(url: URL) -> Engine:
    """Return the engine of the service: the usual search path, and long waits for a lock.

    Its options win over defaults that a revision sets on the role or the database.
    """
    path, wait = USUAL_PATH.replace(" ", ""), round(1000 * limits.SERVICE_LOCK_TIMEOUT)
    options = f"-c search_path={path} -c lock_timeout={wait}"
    arguments = {"application_name": NAME, "options": options}
    return make_engine(url, connect_args=arguments, pool_size=10)


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


def allow_long_waits(database: Database) -> None:
    """Let new sessions in a database wait so long that it can't be due to a busy machine."""
    name = str(database.url.database).replace('"', '""')
    wait = round(1000 * limits.SERVICE_LOCK_TIMEOUT)
    database.commit(statement(f'ALTER DATABASE "{name}" SET lock_timeout TO {wait}'))


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


SESSIONS = """
SELECT datname, pid, application_name, pg_catalog.pg_backend_pid() FROM pg_catalog.pg_stat_activity
"""

"""Logins to a database in which another session changes the password, or forbids a change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises.checked_out import WHERE as RETURNED
from coursekit.exercises.checked_out import counted
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_that
from coursekit.exercises.statements import statement, update
from coursekit.lessons.passwords.attempts import Attempts, where_to_look
from coursekit.lessons.passwords.trials import context, one_form, outdated

KEPT = "another session's new password is kept"
OVERWRITTEN = (
    "the UPDATE: since log_in read the hash, another session may have changed it. Compare the old "
    "hash in its WHERE, or lock the row: SELECT ... FOR UPDATE"
)
CACHED = "log_in: each login has to read the stored hash, and to verify what was typed"
WAITING = "SELECT datname, wait_event_type FROM pg_catalog.pg_stat_activity"
WRITING, READING = "the UPDATE or the COMMIT", "the SELECT"
# The first one refuses the new hash at the COMMIT, the second one at the UPDATE. The third one
# puts a view in place of the table: it has the same columns, and no one can read the hash.
FORBID = (
    (
        WRITING,
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN RAISE check_violation; END'",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON public.accounts "
        "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.refuse()",
    ),
    (
        WRITING,
        "ALTER TABLE public.accounts ADD CONSTRAINT frozen CHECK (password IN ({}))",
    ),
    (
        READING,
        "CREATE FUNCTION public.refuse(varchar) RETURNS varchar LANGUAGE plpgsql AS "
        "'BEGIN RAISE check_violation; END'",
        "ALTER TABLE public.accounts RENAME TO unreadable",
        "CREATE VIEW public.accounts AS "
        "SELECT email, public.refuse(password) AS password FROM public.unreadable",
    ),
)
# A view has no system columns, such as xmin, which tells a row's versions apart.
CHECK_VIOLATION, UNDEFINED_COLUMN = "23514", "42703"
CODES = {WRITING: (CHECK_VIOLATION,), READING: (CHECK_VIOLATION, UNDEFINED_COLUMN)}
HIDDEN = "log_in: it hides an error of {}. Catch only the errors that you expect"


def meanwhile(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on a login during which another session changes the password, and on later ones."""
    new = f"{one_form(attempts.submission.random)}."
    hashed = context(cheap=True).hash(new)
    old = outdated("memory_cost", 1024).hash(password)
    changed = attempts.database.commit(update("accounts", {"password": old}, email=email))
    if changed.error:
        yield expect_that("log_in leaves no transaction open", False, "none", changed, RETURNED)
        return
    _log_in_while_changed(attempts, email, password, hashed)
    kept = attempts.stored()[email] == hashed
    yield expect_that(KEPT, kept, "its hash", "its hash" if kept else "another hash", OVERWRITTEN)
    if not kept:
        return
    before, after = attempts.log_in(email, password), attempts.log_in(email, new)
    good = before.value is False and after.value is True
    failed = before if before.value is not False else after
    got = "yes" if good else f"{failed}, with the {'old' if failed is before else 'new'} one"
    where = where_to_look(failed, email, CACHED)
    yield expect_that("from then on, only the new one is accepted", good, "yes", got, where)


def _log_in_while_changed(attempts: Attempts, email: str, password: str, hashed: str) -> None:
    """Log in while another session has changed the password, but not committed it.

    The login reads the old hash, or waits at once. The other session commits once it waits.
    """
    with ThreadPoolExecutor(1) as threads, attempts.database.session(keep=True) as other:
        other(update("accounts", {"password": hashed}, email=email))
        login = threads.submit(copy_context().run, attempts.log_in, email, password)
        _wait_for(attempts.database, login)


def _wait_for(database: Database, login: Future[ProbeResult]) -> None:
    """Wait until the login waits for a lock, or has ended."""
    while not login.done() and (database.url.database, "Lock") not in database.query(WAITING):
        time.sleep(0.02)


def _failed(names: dict[str, Any], engine: Engine, email: str, typed: str) -> dict[str, Any]:
    """Log in where a statement fails; return what came out, and whether it's PostgreSQL's error."""
    with counted(engine) as out:
        try:
            got, code = f"no error, but {names['log_in'](engine, email, typed)!r}", ""
        except Exception as error:
            cause = getattr(error, "orig", None) or error
            code = str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None))
            got = f"{type(error).__name__}: {error}".splitlines()[0]
        return {"got": got, "code": code, "out": len(out)}


def failing(attempts: Attempts, _email: str, password: str) -> Iterator[CheckItem]:
    """Report on a right password whose new hash can't be stored, or whose old one can't be read."""
    hashes = ", ".join(f"'{each}'" for each in attempts.stored().values())
    for part, *forbid in FORBID:
        statements = [statement(each.format(hashes)) for each in forbid]
        forbidden = attempts.database.commit(*statements)
        if forbidden.error:
            what = "log_in leaves no transaction open"
            yield expect_that(what, False, "none", forbidden, RETURNED)
            return
        result = attempts.submission.call(_failed, attempts.engine, attempts.emails[-1], password)
        attempts.not_returned += 0 if result.error else result.value["out"]
        own = not result.error and result.value["code"] in CODES[part]
        if not own:
            break
    got = result if result.error else result.value["got"]
    what = "log_in lets a database error through unchanged"
    yield expect_that(what, own, "PostgreSQL's error, a CheckViolation", got, HIDDEN.format(part))

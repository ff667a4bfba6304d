"""The check of the exercise about replacing a hash at login."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Engine

from coursekit.exercises import draws
from coursekit.exercises.checked_out import WHERE as RETURNED
from coursekit.exercises.checked_out import counted
from coursekit.exercises.database import Database
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.sql_errors import about_sql
from coursekit.exercises.submission import Submission
from coursekit.lessons.passwords.trials import advice, context, fits

ACCOUNTS = """
CREATE TABLE accounts (email varchar(255) PRIMARY KEY, password varchar(255) NOT NULL);
INSERT INTO accounts VALUES ('ann@example.com', '$argon2id$v=19$m=19456,t=2,p=1$hdAaQ0jJ2TvnP\
GesVUrJuQ$e7muj2HpSTGFdvMK1cWq1mKirn136Yk/+R4Y9H9ptUM')
"""
QUOTE = (
    "the SQL: what's typed must not become part of it (SQL injection). Pass it as a bound "
    "parameter, :email"
)
VERIFIED = "log_in: what verify returns, or verify_and_update returns first"
UNKNOWN = "log_in: what is the stored hash if no account has the e-mail, and what is returned then?"
ACCEPTED = (
    "log_in: which engine it uses, whether it verifies what was typed, unchanged, and what it "
    "returns"
)
TODAY = "a hash of the password, with today's costs"


def _entered(names: dict[str, Any], engine: Engine, email: str, typed: str) -> dict[str, Any]:
    """Log in; return the result, and how many connections weren't returned to the pool."""
    with counted(engine) as out:
        result = names["log_in"](engine, email, typed)
        if isinstance(result, tuple):
            result = list(result)
        return {"result": result, "out": len(out)}


class Attempts:
    """Logins to a scratch database, and what they left behind."""

    def __init__(self, submission: Submission) -> None:
        self.submission, self.engine = submission, submission.scratch()
        self.database = Database(self.engine.url)
        self.not_returned = 0

    def log_in(self, email: str, typed: str) -> ProbeResult:
        """Return what log_in returned."""
        result = self.submission.call(_entered, self.engine, email, typed)
        if result.error:
            return result
        self.not_returned += result.value["out"]
        return ProbeResult(result.value["result"])

    def stored(self) -> dict[str, str]:
        """Return the hash of each account."""
        return dict(self.database.rows("accounts", "email", "password"))


def log_in(submission: Submission) -> Iterator[CheckItem]:
    """Check that a right password is accepted, and its outdated hash replaced."""
    submission.database.rows("accounts", "email")  # the learner's own table still exists
    random = submission.random
    password = f"blue {draws.password(random)}"
    # The only one with a quote: the others show whether more than one account is changed.
    email, other = f"o'{draws.email(random)}", draws.email(random)
    submission.fill("accounts", _accounts(password, email, other))
    attempts = Attempts(submission)
    for reported in (_refused, _strangers, _accepted, _again):
        items = list(reported(attempts, email, password))
        yield from items
        if not all(item.good for item in items):
            return
    out, what = attempts.not_returned, "every connection is returned to the pool"
    yield expect_that(what, not out, "all of them", f"{out} were not", RETURNED)


def _accounts(password: str, *emails: str) -> list[dict[str, str]]:
    """Return accounts that share a password, each hashed with outdated costs."""
    old = context(cheap=True)
    return [{"email": email, "password": old.hash(password)} for email in emails]


def _refused(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on wrong passwords, a drawn number of times."""
    random = attempts.submission.random
    typed = [draws.password(random) for _ in range(random.randrange(6))]
    for each in (*typed, password[:-2]):
        items = list(_one_refused(attempts, email, each))
        if not all(item.good for item in items):
            break
    yield from items


def _one_refused(attempts: Attempts, email: str, typed: str) -> Iterator[CheckItem]:
    before = attempts.stored()
    result = attempts.log_in(email, typed)
    where = _where(result, email, VERIFIED)
    yield expect_equal("a wrong password is refused", result, False, where)
    if result.error:
        return
    same = attempts.stored() == before
    got = "nothing" if same else "something"
    where = "log_in: the table may change only after a right password"
    yield expect_that("it changes nothing in the table", same, "nothing", got, where)


def _strangers(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on e-mails that no account has: a plain one, and two that try to be more."""
    before, own = attempts.stored(), context().hash(password)
    unknown = draws.email(attempts.submission.random)
    result = attempts.log_in(unknown, password)
    where = _where(result, unknown, UNKNOWN)
    yield expect_equal("an e-mail that no account has is refused", result, False, where)
    if result.error or result.value is not False:
        return
    injected = [f"' UNION SELECT '{own}' --", "' OR true --", email.replace("'", "_"), "%"]
    results = [attempts.log_in(each, password) for each in injected]
    bad = [each for each in results if each.error or each.value is not False]
    result = bad[0] if bad else ProbeResult(False)
    same = attempts.stored() == before
    yield expect_that(
        "SQL or wildcards that are typed as an e-mail open no account, and change none",
        not bad and same,
        "False",
        result if bad else "False, and the table is as it was" if same else "another table",
        QUOTE if not bad or result.error or bad[0] in results[:2] else "the WHERE: compare with =",
    )


def _accepted(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on the right password of an account with an outdated hash."""
    before = attempts.stored()
    result = attempts.log_in(email, password)
    where = _where(result, email, ACCEPTED)
    yield expect_equal("the right password is accepted", result, True, where)
    if result.error or result.value is not True:
        return
    after = attempts.stored()
    new = after.get(email, "")
    got, where = _kind(password, new, before[email])
    what = "the table now has a new hash of the password"
    yield expect_that(what, got == TODAY, TODAY, got, where)
    others = {**after, email: ""} == {**before, email: ""}
    got = "they are" if others else "they were changed"
    where = "the WHERE of the UPDATE"
    yield expect_that("the other accounts are as they were", others, "they are", got, where)


def _where(result: ProbeResult, email: str, otherwise: str) -> str:
    """Return where to look after a login with this e-mail."""
    return about_sql(result.error, [email], QUOTE) or advice(result, "log_in", otherwise)


def _kind(password: str, stored: str, before: str) -> tuple[str, str]:
    """Describe what's stored as a password's hash, and where that may come from."""
    what = "log_in: what the UPDATE stores"
    if stored == before:
        return "the old hash", "log_in: the UPDATE, and whether it's committed"
    if stored == password:
        return "the password itself, in plain text", what
    if not stored.startswith("$argon2"):
        return f"{stored!r}, which isn't an argon2 hash", what
    if fits(before, stored):
        return "a hash of the old hash", "log_in: hash what was typed, not what was stored"
    if not fits(password, stored):
        return "a hash of something else", "log_in: hash what was typed"
    if context().needs_update(stored):
        where = "log_in: which context creates the new hash? Use pwd_context, with all its costs"
        return f"a hash with other costs, {stored.split('$')[3]}", where
    return TODAY, ""


def _again(attempts: Attempts, email: str, right: str) -> Iterator[CheckItem]:
    """Report on more logins, right and wrong ones in a drawn order."""
    random = attempts.submission.random
    last, results = attempts.stored(), {right: ProbeResult(True)}
    typed = [right] * 3 + [f"{right}{draws.word(random)}" for _ in range(3)]
    for each in random.sample(typed, len(typed)):
        result = attempts.log_in(email, each)
        if result.error or result.value is not (each == right):
            results[each] = result
    accepted = results.pop(right)
    good = accepted.value is True and attempts.stored() == last
    got = "True, and one more new hash" if accepted.value is True else str(accepted)
    where = _where(accepted, email, "log_in: what it does if the hash isn't outdated")
    what = "the next logins are accepted, and change nothing"
    yield expect_that(what, good, "True, and nothing has changed", "True" if good else got, where)
    wrong = next(iter(results.values()), ProbeResult(False))
    where = _where(wrong, email, VERIFIED)
    yield expect_equal("a wrong password is still refused", wrong, False, where)

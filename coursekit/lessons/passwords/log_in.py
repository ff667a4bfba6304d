"""The check of the exercise about replacing a hash at login."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from random import Random

from coursekit.exercises import draws
from coursekit.exercises.checked_out import WHERE as RETURNED
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.left_behind import left_as_it_was
from coursekit.exercises.sql_errors import about_sql
from coursekit.exercises.submission import Submission
from coursekit.lessons.passwords.attempts import QUOTE, Attempts, where_to_look
from coursekit.lessons.passwords.other_sessions import failing, meanwhile
from coursekit.lessons.passwords.trials import advice, context, fits, outdated

ACCOUNTS = """
CREATE TABLE accounts (email varchar(255) PRIMARY KEY, password varchar(255) NOT NULL);
INSERT INTO accounts VALUES ('ann@example.com', '$argon2id$v=19$m=19456,t=2,p=1$hdAaQ0jJ2TvnP\
GesVUrJuQ$e7muj2HpSTGFdvMK1cWq1mKirn136Yk/+R4Y9H9ptUM')
"""
WHOLE = "log_in: it must verify the whole password, as it was typed"
VERIFIED = "log_in: what verify returns, or verify_and_update returns first"
UNKNOWN = "log_in: what is the stored hash if no account has the e-mail, and what is returned then?"
ACCEPTED = (
    "log_in: which engine it uses, whether it takes both strings as they were typed, and what it "
    "returns"
)
# An account's hash has one of these costs, and today's other two. Memory comes first, because every
# context compares it.
OUTDATED = {"memory_cost": 1024, "parallelism": 2, "time_cost": 1}
NAMED = "log_in: which context finds the outdated hashes? One that names all three costs"
EXACT = "the e-mail: compare it exactly as it was typed"
TODAY = "a hash of the password, with today's costs"


def log_in(submission: Submission) -> Iterator[CheckItem]:
    """Check that a right password is accepted, and its outdated hash replaced."""
    submission.database.rows("accounts", "email")  # the learner's own table still exists
    random = submission.random
    password = _password(random)
    # The only one with quotes: the others show whether more than one account is changed.
    emails = [f'"o\'é{draws.email(random)}"', *(draws.email(random) for _ in OUTDATED)]
    submission.fill("accounts", _accounts(password, emails))
    attempts = Attempts(submission, emails)
    for reported in (_refused, _strangers, _accepted, _again):
        items = list(reported(attempts, emails[0], password))
        yield from items
        if not all(item.good for item in items):
            return
    kept = [*meanwhile(attempts, emails[0], password)]
    yield from failing(attempts, emails[0], password)
    out, what = attempts.not_returned, "every connection is returned to the pool"
    yield expect_that(what, not out, "all of them", f"not returned: {out}", RETURNED)
    yield left_as_it_was(attempts.left)
    yield from kept


def _password(random: Random) -> str:
    """Return a long password with a quotation mark in front and a space at the end.

    It's the same in all Unicode forms, so it doesn't matter whether log_in normalizes passwords.
    """
    end = draws.password(random)
    while not unicodedata.is_normalized("NFKD", end):
        end = draws.password(random)
    return f"'李 {draws.word(random, 40)} {end}"


def _accounts(password: str, emails: list[str]) -> list[dict[str, str]]:
    """Return accounts that share a password, each with one cost outdated.

    The last one has the first one's hash: an UPDATE with a condition on the hash changes both.
    """
    hashes = [outdated(cost, value).hash(password) for cost, value in OUTDATED.items()]
    stored = zip(emails, [*hashes, hashes[0]], strict=True)
    return [{"email": email, "password": hashed} for email, hashed in stored]


def _refused(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on wrong passwords, a drawn number of times."""
    random = attempts.submission.random
    typed = [draws.password(random) for _ in range(random.randrange(1, 6))]
    for each in (*typed, password[:-2]):
        where = WHOLE if each == password[:-2] else VERIFIED
        items = list(_one_refused(attempts, email, each, where))
        if not all(item.good for item in items):
            break
    yield from items


def _one_refused(attempts: Attempts, email: str, typed: str, where: str) -> Iterator[CheckItem]:
    before = attempts.stored()
    result = attempts.log_in(email, typed)
    where = where_to_look(result, email, where)
    yield expect_equal("a wrong password is refused", result, False, where)
    if result.error:
        return
    same = attempts.stored() == before
    got = "nothing" if same else "something"
    where = "log_in: the table may change only after a right password"
    yield expect_that("a wrong password changes nothing in the table", same, "nothing", got, where)


def _strangers(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on e-mails that no account has: a plain one, and some that try to be more."""
    before, own = attempts.stored(), context(cheap=True).hash(password)
    unknown = draws.email(attempts.submission.random)
    result = attempts.log_in(unknown, password)
    where = where_to_look(result, unknown, UNKNOWN)
    yield expect_equal("an e-mail that no account has is refused", result, False, where)
    if result.error or result.value is not False:
        return
    same = attempts.stored() == before
    got = "nothing" if same else "something"
    what, where = "an unknown e-mail changes nothing in the table", "log_in: what it does then"
    yield expect_that(what, same, "nothing", got, where)
    injected = dict.fromkeys((f"' UNION SELECT '{own}' --", "' OR true --", "50%s :x"), QUOTE)
    wildcards = dict.fromkeys((email.replace("'", "_"), "%"), "the WHERE: compare with =")
    what = "SQL or wildcards typed as an e-mail address match no account and change nothing"
    yield _no_account(attempts, what, injected | wildcards, password)
    other_form = unicodedata.normalize("NFD", email)
    typed = dict.fromkeys((email.upper(), f" {email}", f"{email} ", other_form), EXACT)
    what = "an e-mail address that differs in case, spaces or Unicode form is rejected"
    yield _no_account(attempts, what, typed, password)


def _no_account(
    attempts: Attempts, what: str, typed: Mapping[str, str], password: str
) -> CheckItem:
    """Report on e-mails that no account has; each has the advice for the case that one opens."""
    before = attempts.stored()
    for email, where in typed.items():
        result = attempts.log_in(email, password)
        if result.error or result.value is not False:
            usual = where if result.error else advice(result, "log_in", where)
            where = about_sql(result.error, [email], QUOTE) or usual
            return expect_equal(what, result, False, where)
        if attempts.stored() != before:
            return expect_that(what, False, "False", "False, but the table has changed", where)
    return expect_equal(what, ProbeResult(False), False, "")


def _accepted(attempts: Attempts, _email: str, password: str) -> Iterator[CheckItem]:
    """Report on the right password of accounts with an outdated hash, one for each cost."""
    for cost, email in zip(OUTDATED, attempts.emails, strict=False):
        items = list(_one_accepted(attempts, email, password, cost))
        if not all(item.good for item in items):
            break
    yield from items


def _one_accepted(attempts: Attempts, email: str, password: str, cost: str) -> Iterator[CheckItem]:
    before = attempts.stored()
    result = attempts.log_in(email, password)
    where = where_to_look(result, email, ACCEPTED)
    yield expect_equal("the right password is accepted", result, True, where)
    if result.error or result.value is not True:
        return
    after = attempts.stored()
    new = after.get(email, "")
    got, where = _kind(password, new, before[email], [*before.values()])
    if new == before[email] and email != attempts.emails[0]:
        got, where = f"the old hash; only its {cost} is outdated", NAMED
    what = "the table now has a new hash of the password"
    yield expect_that(what, got == TODAY, TODAY, got, where)
    others = {**after, email: ""} == {**before, email: ""}
    got = "they are" if others else "they were changed"
    where = "the WHERE of the UPDATE"
    yield expect_that("the other accounts are as they were", others, "they are", got, where)


def _kind(password: str, stored: str, before: str, earlier: list[str]) -> tuple[str, str]:
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
        variant, _, costs = stored.split("$")[1:4]
        return f"a hash with other costs or another variant, {variant} {costs}", where
    if stored.split("$")[4] in {each.split("$")[4] for each in earlier}:
        where = "log_in: pwd_context.hash draws a new salt, unless it's passed one"
        return "a hash whose salt another hash has too", where
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
    where = where_to_look(accepted, email, "log_in: what it does if the hash isn't outdated")
    what = "the next logins are accepted, and change nothing"
    yield expect_that(what, good, "True, and nothing has changed", "True" if good else got, where)
    wrong = next(iter(results.values()), ProbeResult(False))
    where = where_to_look(wrong, email, VERIFIED)
    yield expect_equal("a wrong password is still refused", wrong, False, where)

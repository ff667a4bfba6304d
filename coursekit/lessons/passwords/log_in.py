"""The check of the exercise about replacing a hash at login."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from random import Random

from coursekit.exercises import draws
from coursekit.exercises.checked_out import WHERE as RETURNED
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal, expect_that
from coursekit.exercises.left_behind import left_as_it_was
from coursekit.exercises.sql_errors import about_sql
from coursekit.exercises.submission import Submission
from coursekit.lessons.passwords.attempts import QUOTE, Attempts, where_to_look
from coursekit.lessons.passwords.other_sessions import failing, meanwhile
from coursekit.lessons.passwords.trials import advice, context, fits, lookalikes, one_form, outdated

ACCOUNTS = """
CREATE TABLE accounts (email varchar(255) PRIMARY KEY, password varchar(255) NOT NULL);
INSERT INTO accounts VALUES ('ann@example.com', '$argon2id$v=19$m=19456,t=2,p=1$hdAaQ0jJ2TvnP\
GesVUrJuQ$e7muj2HpSTGFdvMK1cWq1mKirn136Yk/+R4Y9H9ptUM')
"""
LONGEST = 255  # characters of an e-mail, see ACCOUNTS
WHOLE = "log_in: it must verify the whole password, as it was typed"
ITSELF = (
    "log_in: it accepts the stored hash as the password, so anyone who reads the table can log in"
)
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
PATTERN = "the WHERE: compare with =, because LIKE takes _ and % for wildcards"
TODAY = "a hash of the password, with today's costs"


def log_in(submission: Submission) -> Iterator[CheckItem]:
    """Check that a right password is accepted, and its outdated hash replaced."""
    submission.database.rows("accounts", "email")  # the learner's own table still exists
    random = submission.random
    password = _password(random)
    # The only one with quotes: the others show whether more than one account is changed.
    emails = [f'"o\'é{draws.email(random)}"', *(draws.email(random) for _ in OUTDATED)]
    simple = _simple(random)
    submission.fill("accounts", _accounts(password, emails, simple))
    attempts = Attempts(submission, emails, simple)
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
    """Return a long password with a quotation mark in front and a space at the end."""
    return f"'李 {draws.word(random, 40)} {one_form(random)}"


def _simple(random: Random) -> tuple[str, str]:
    """Return an e-mail as long as the column, which LIKE would read as a pattern; a password."""
    start, end = f"{draws.word(random)}_%{draws.token(random)}", f"@{draws.word(random)}.example"
    return f"{start}{end.rjust(LONGEST - len(start), 'x')}", draws.word(random, 5)


def _accounts(password: str, emails: list[str], simple: tuple[str, str]) -> list[dict[str, str]]:
    """Return accounts that share a password, each with one cost outdated; and the simple one.

    The last but one has the first one's hash: an UPDATE with a condition on it changes both.
    """
    hashes = [outdated(cost, value).hash(password) for cost, value in OUTDATED.items()]
    quick = context(cheap=True).hash(simple[1])
    stored = zip([*emails, simple[0]], [*hashes, hashes[0], quick], strict=True)
    return [{"email": email, "password": hashed} for email, hashed in stored]


def _refused(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on wrong passwords, a drawn number of times."""
    random = attempts.submission.random
    typed = [draws.password(random) for _ in range(random.randrange(1, 6))]
    tried = [(email, each, VERIFIED) for each in typed]
    tried += [(email, password[:-2], WHOLE), (email, attempts.stored()[email], ITSELF)]
    name, simple = attempts.simple
    for each in (*tried, *((name, alike, WHOLE) for alike in lookalikes(simple))):
        items = list(_one_refused(attempts, *each))
        if not all(item.good for item in items):
            break
    yield from items


def _one_refused(attempts: Attempts, email: str, typed: str, where: str) -> Iterator[CheckItem]:
    before = attempts.state()
    result = attempts.log_in(email, typed)
    where = where_to_look(result, email, where)
    yield expect_equal("a wrong password is refused", result, False, where)
    if result.error:
        return
    same = attempts.state() == before
    got = "nothing" if same else "something"
    where = "log_in: the table may change only after a right password"
    yield expect_that("a wrong password changes nothing in the table", same, "nothing", got, where)


def _strangers(attempts: Attempts, email: str, password: str) -> Iterator[CheckItem]:
    """Report on e-mails that no account has: a plain one, and some that try to be more."""
    before, own = attempts.state(), context(cheap=True).hash(password)
    unknown = draws.email(attempts.submission.random)
    result = attempts.log_in(unknown, password)
    where = where_to_look(result, unknown, UNKNOWN)
    yield expect_equal("an e-mail that no account has is refused", result, False, where)
    if result.error or result.value is not False:
        return
    same = attempts.state() == before
    got = "nothing" if same else "something"
    what, where = "an unknown e-mail changes nothing in the table", "log_in: what it does then"
    yield expect_that(what, same, "nothing", got, where)
    if not same:
        return
    injected = dict.fromkeys((f"' UNION SELECT '{own}' --", "' OR true --", "50%s :x"), QUOTE)
    wildcards = dict.fromkeys((email.replace("'", "_"), "%"), PATTERN)
    tried = [(each, password, where) for each, where in (injected | wildcards).items()]
    name, simple = attempts.simple
    what = "SQL or wildcards typed as an e-mail address match no account and change nothing"
    yield _no_account(attempts, what, [*tried, (name.replace("_%", "xy"), simple, PATTERN)])
    other_form = unicodedata.normalize("NFD", email)
    typed = (email.upper(), f" {email}", f"{email} ", other_form)
    tried = [(each, password, EXACT) for each in typed]
    what = "an e-mail address that differs in case, spaces, length or Unicode form is rejected"
    yield _no_account(attempts, what, [*tried, (f"{name}x", simple, EXACT)])


def _no_account(attempts: Attempts, what: str, tried: Sequence[tuple[str, str, str]]) -> CheckItem:
    """Report on e-mails that no account has.

    Args:
        attempts: The logins.
        what: What the item is about.
        tried: An e-mail, a password, and the advice for the case that the two open an account.

    """
    before = attempts.state()
    for email, password, where in tried:
        result = attempts.log_in(email, password)
        if result.error or result.value is not False:
            usual = where if result.error else advice(result, "log_in", where)
            where = about_sql(result.error, [email], QUOTE) or usual
            return expect_equal(what, result, False, where)
        if attempts.state() != before:
            return expect_that(what, False, "False", "False, but the table has changed", where)
    return expect_equal(what, ProbeResult(False), False, "")


def _accepted(attempts: Attempts, _email: str, password: str) -> Iterator[CheckItem]:
    """Report on right passwords: of accounts with one outdated cost, then of the simple one."""
    shared = zip(attempts.emails, OUTDATED, strict=False)
    accounts = [(email, password, f"only its {cost}") for email, cost in shared]
    for account in (*accounts, (*attempts.simple, "each of its costs")):
        items = list(_one_accepted(attempts, *account))
        if not all(item.good for item in items):
            break
    yield from items


def _one_accepted(attempts: Attempts, email: str, password: str, costs: str) -> Iterator[CheckItem]:
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
        got, where = f"the old hash; {costs} is outdated", NAMED
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
    last, results = attempts.state(), {right: ProbeResult(True)}
    typed = [right] * 3 + [f"{right}{draws.word(random)}" for _ in range(3)]
    for each in random.sample(typed, len(typed)):
        result = attempts.log_in(email, each)
        if result.error or result.value is not (each == right):
            results[each] = result
    accepted = results.pop(right)
    good = accepted.value is True and attempts.state() == last
    got = "True, and one more new hash" if accepted.value is True else str(accepted)
    where = where_to_look(accepted, email, "log_in: what it does if the hash isn't outdated")
    what = "the next logins are accepted, and change nothing"
    yield expect_that(what, good, "True, and nothing has changed", "True" if good else got, where)
    wrong = next(iter(results.values()), ProbeResult(False))
    where = where_to_look(wrong, email, VERIFIED)
    yield expect_equal("a wrong password is still refused", wrong, False, where)

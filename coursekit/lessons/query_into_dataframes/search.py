"""The check of the exercise about a string from outside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any
from unicodedata import normalize

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, ProbeResult, expect_equal
from coursekit.exercises.submission import Submission
from coursekit.lessons.query_into_dataframes.checks import (
    ALL,
    ARGUMENT,
    MORE,
    NAMESAKE,
    fill_users,
)
from coursekit.lessons.query_into_dataframes.frame_reader import (
    EMPTY,
    MANY,
    FrameReader,
    all_rows,
)

COLUMNS = [*ALL[:3]]
ATTACKS = (
    "' OR '1' = '1",
    "') OR TRUE --",
    "' UNION SELECT id, password, email FROM users --",
    "') UNION SELECT id, password, email FROM users --",
    "'; DELETE FROM users; COMMIT; --",
    "'); DELETE FROM users; COMMIT; --",
)
BIND = (
    "how the string gets into your query: don't use an f-string, format(), % or +, but a bound "
    "parameter, whose value is never run as SQL"
)
FAILS = "what the error says: with a bound parameter and =, no string fails"
ANY_CHARACTER = (
    "a bound parameter, compared with =: then the string can contain any character. Bind it as "
    "it is: no escape(), no replace(), no split(), no `if` about its characters"
)
SEPARATORS = (",", ", ", ";", "|", "/", " ", "\t", "\n")
PATTERNS = ("%", ".*", "Mia", "")


def search(submission: Submission) -> Iterator[CheckItem]:
    """Check that users are found by untrusted text, which is never run as SQL."""
    random = submission.random
    mia, some, twin = f"Mia {draws.word(random)}", draws.word(random), draws.name(random)
    strange = f"{some} O'Neil \\ :x %s %(y)s 100% \" -&<b>;?,|/\t\n."
    named = [(name, draws.email(random)) for name in (mia, strange, some, twin, twin)]
    odd = _odd_names(random)
    others = [(name, draws.email(random)) for name in odd]
    others.append((draws.name(random), draws.email(random).rjust(255, "x")))
    same, borrowed = draws.email(random), named[-1][1]
    fill_users(submission, *named, *others, (same, same), (borrowed, draws.email(random)))
    reader = FrameReader(submission, "find_users")
    users = all_rows(reader.database, "users", *ALL)
    people = [row[:3] for row in users]
    person = next(row for row in people if row[1] == mia)
    shape = list(reader.shape(reader.read(mia), COLUMNS))
    yield from shape
    if not all(item.good for item in shape):
        return
    for item in reader.shape(reader.read(f"no one {some}"), COLUMNS):
        if not item.good:
            yield replace(item, what=f"{item.what}, even if no one is found", where=EMPTY)
            return
    found = list(_one_is_found(reader, person))
    yield from found
    if not (found[0].good and found[1].good):
        return
    attacked = {one: reader.rows(one) for one in ATTACKS}
    injected = any(isinstance(rows, list) and rows for rows in attacked.values())
    where = BIND if injected else FAILS
    yield _finds_no_one(attacked, "a string that contains SQL finds no one", where)
    if injected:  # it may have deleted what the rest looks for
        return
    yield from _no_one_is_found(reader, person, people, odd)
    wanted = [row for row in people if row[1] == strange]
    what = "it finds a name with quotation marks and : and %"
    yield expect_equal(what, reader.rows(strange), wanted, ANY_CHARACTER)
    yield from _all_are_found(reader, people, (twin, same, borrowed, *odd))
    yield from reader.with_other_rows(MORE, MANY, "users", COLUMNS, NAMESAKE)
    yield from reader.aftermath("users", users, ALL, mia)


def _odd_names(random: Random) -> list[str]:
    """Return awkward names; the last four differ from another string in one thing only."""
    apart, sharp, one, two, spaced = (draws.word(random) for _ in range(5))
    names = [*draws.names(random), f"Drop {draws.word(random)} Union Select"]
    return [*names, f"{apart} e\u0301", f"{sharp}ß", f"{one}  {two}", f" {spaced} "]


def _one_is_found(reader: FrameReader, person: list[Any]) -> Iterator[CheckItem]:
    """Report whether a name and an e-mail address find their user, in any case."""
    name, email = str(person[1]), str(person[2])
    both = (
        "your WHERE: either the name or the e-mail address has to match, with lower() on both sides"
    )
    found = []
    for what, one, where in (
        ("it finds a user by name", name, f"your WHERE, and {ARGUMENT}"),
        ("it finds a user by e-mail address", email, both),
    ):
        rows = reader.rows(one)
        if isinstance(rows, list) and [row[0] for row in rows] == person[:1]:
            where = "the columns of your SELECT: return each value as it's stored"
        found.append(expect_equal(what, rows, [person], where))
    yield from found
    if not all(item.good for item in found):
        return
    where = "lower() on both sides of each comparison"
    for which, wanted in (("name", name.upper()), ("e-mail address", email.upper())):
        what = f"upper and lower case don't matter in the {which}"
        yield expect_equal(what, reader.rows(wanted), [person], where)


def _no_one_is_found(
    reader: FrameReader, person: list[Any], people: list[list[Any]], odd: list[str]
) -> Iterator[CheckItem]:
    """Report whether patterns and parts of a name find no user."""
    where = "compare whole strings with =; LIKE, ILIKE and ~ look for patterns"
    name, (local, _, domain) = str(person[1]), str(person[2]).partition("@")
    spaced = (f"{name} ", f" {name}")
    parts = (*PATTERNS, name[:-1], name[1:], local, domain, f"_{name[1:]}", f".{name[1:]}")
    yield _finds_no_one(
        {one: reader.rows(one) for one in parts},
        "part of a name, or a pattern, finds no one",
        where,
    )
    where = "strip() or trim(): a space counts"
    yield _finds_no_one(
        {one: reader.rows(one) for one in spaced}, "a name with a space added finds no one", where
    )
    near = _near(person, people, odd)
    first = next((each for each in near if reader.rows(each[0]) != []), near[0])
    yield _finds_no_one(
        {first[0]: reader.rows(first[0])}, "a string that's almost a name finds no one", first[1]
    )


def _near(
    person: list[Any], people: list[list[Any]], odd: list[str]
) -> tuple[tuple[str, str], ...]:
    """Return strings that are almost a user's, each with what to look at if it finds one."""
    name, emails = str(person[1]), [str(row[2]) for row in people]
    longest, address = max(odd, key=len), max(emails, key=len)
    apart, sharp, wide, spaced = odd[-4:]
    folded = "casefold() or Python's upper(): ss isn't ß in another case. Use lower()"
    listed = "split() or string_to_array(): the string is one name or address, not a list of them"
    short = "what shortens the string: left(), a slice, or a cast to varchar(50)"
    return (
        (f"{longest}x", short),
        *((f"{sharp}{mark}{person[2]}", listed) for mark in SEPARATORS),
        (f"{address}x", short),
        (f"{name}\n", "strip() or trim(): a line break counts"),
        (spaced.strip(), "trim(): the spaces in a stored name count"),
        (str(person[0]), "your WHERE: only the name and the e-mail address are compared"),
        (wide.replace("  ", " "), "split(), or a replace() of spaces: two spaces aren't one"),
        (normalize("NFC", apart), "normalize(): it's another spelling of é, and no other case"),
        (sharp.replace("ß", "ss"), folded),
    )


def _finds_no_one(found: dict[str, Any], what: str, where: str) -> CheckItem:
    """Report whether strings find no one, by the rows for each; show one that does, or fails."""
    bad = [one for one, rows in found.items() if rows != []]
    if not bad:
        return expect_equal(what, [], [], where)
    worst = min(bad, key=lambda one: isinstance(found[one], ProbeResult))  # rows rather than errors
    if worst == "":
        where = "the empty string: it's no one's name, so it finds no one"
    elif "RegularExpression" in str(found[worst]):
        where = "compare whole strings with =: ~ and SIMILAR TO read the string as a pattern"
    elif isinstance(found[worst], ProbeResult):
        where = FAILS
    return expect_equal(f"{what}: {worst}", found[worst], [], where)


def _all_are_found(
    reader: FrameReader, people: list[list[Any]], texts: tuple[str, ...]
) -> Iterator[CheckItem]:
    """Report whether each string finds every user it belongs to, once; show one that doesn't."""
    what = "it finds every user with that name or e-mail address, once"
    found = {one: reader.rows(one) for one in texts}
    wanted = {one: _sorted([row for row in people if one in row[1:]]) for one in texts}
    first = next((one for one in texts if _sorted(found[one]) != wanted[one]), texts[0])
    yield expect_equal(
        _what(what, first, texts[:3]),
        _sorted(found[first]),
        wanted[first],
        _about_all(found[first], first == texts[2]),
    )


def _what(what: str, wanted: str, usual: tuple[str, ...]) -> str:
    return what if wanted in usual else f"{what}: {wanted}"


def _about_all(found: Any, both: bool) -> str:
    """Return what to look at if a string finds other users than those it belongs to."""
    if isinstance(found, ProbeResult):
        return "what the error says: a string can contain any character"
    if found == []:
        return (
            "what changes or refuses the string before it's compared: replace(), strip(), "
            "casefold(), upper(), normalize(), encode(), an if"
        )
    if both:
        return (
            "the string is one user's name and another's e-mail address: compare both columns in "
            "one WHERE, and leave out LIMIT, head() and fetchone()"
        )
    return (
        "LIMIT, head() and fetchone(), which drop users, and so does drop_duplicates(); UNION "
        "ALL, which repeats them"
    )


def _sorted(rows: Any) -> Any:
    return sorted(rows, key=str) if isinstance(rows, list) else rows

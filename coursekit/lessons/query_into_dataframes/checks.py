"""The starter files of this lesson, and the check of the first exercise."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from coursekit.exercises import draws
from coursekit.exercises.items import CheckItem, expect_equal
from coursekit.exercises.submission import Submission
from coursekit.lessons.query_into_dataframes.frame_reader import MANY, FrameReader, all_rows

USERS = """
INSERT INTO users (name, email, password) VALUES
    ('Ben', 'ben@example.com', 'not a real hash'),
    ('Ann', 'ann@example.com', 'not a real hash'),
    ('Chloé', 'chloe@example.com', 'not a real hash');
"""
ORDERS = """
CREATE TABLE orders (id integer PRIMARY KEY, items integer, amount numeric(20, 2) NOT NULL);
INSERT INTO orders VALUES (1, 2, 19.90), (2, NULL, 5.10), (3, 1, 8.20), (4, 3, 24.70);
"""
NAMESAKE = "Zoe"
MORE = f"""
INSERT INTO public.users (name, email, password)
    SELECT '{NAMESAKE}', pg_catalog.concat('zoe', n, '@example.com'), '-'
    FROM pg_catalog.generate_series(1, {MANY}) AS n
"""  # noqa: S608
ARGUMENT = "whether your function uses the engine that's passed to it"
ALL = ("id", "name", "email", "password")


def fill_users(submission: Submission, *people: tuple[str, str]) -> None:
    """Add users, each a name and an e-mail address, to every scratch database from now on."""
    random = submission.random
    rows = [
        {"name": name, "email": email, "password": draws.token(random)} for name, email in people
    ]
    submission.fill("users", rows)


def contacts(submission: Submission) -> Iterator[CheckItem]:
    """Check names and e-mail addresses of all users, ordered by name."""
    random = submission.random
    twice = draws.name(random)
    # Outer spaces; two code points; what a CSV file can't tell from a missing value or a number.
    odd = (f" {draws.name(random)} ", f"{draws.word(random)} e\u0301", "", "NA", "007")
    names = (draws.name(random), twice, *draws.names(random), *odd, twice)
    fill_users(submission, *((name, draws.email(random)) for name in names))
    reader = FrameReader(submission, "contacts")
    users = all_rows(reader.database, "users", *ALL)
    result = reader.read()
    shape = list(reader.shape(result, ["name", "email"]))
    yield from shape
    if not all(item.good for item in shape):
        return
    people = [[name, email] for _, name, email, _ in users]
    yield from _ordered(result.value["rows"], people)
    yield from reader.during_a_write("users")
    yield from reader.with_other_rows(MORE, len(users) + MANY, "users", ["name", "email"])
    yield from reader.aftermath("users", users, ALL)


def _ordered(rows: list[Any], people: list[list[str]]) -> Iterator[CheckItem]:
    where = f"{ARGUMENT}, and whether it drops rows: the database has {len(people)} users"
    if len(rows) == len(people):
        where = f"{ARGUMENT}, and whether it changes names or addresses"
    got, expected = sorted(rows, key=str), sorted(people, key=str)
    yield expect_equal("it has one row for each user", got, expected, where)
    if len(rows) == len(people) and got != expected:
        return
    names = [row[0] for row in rows]
    where = _about_order(rows, people)
    yield expect_equal("the rows are ordered by name", names, sorted(names, key=str), where)


def _about_order(rows: list[Any], people: list[list[str]]) -> str:
    """Return what to look at if the rows aren't ordered by name."""
    names = [str(row[0]) for row in rows]
    if rows == people:
        return (
            "the rows are in the order in which they were added: write ORDER BY name. If you "
            "call sort_values, use the DataFrame that it returns"
        )
    if names == sorted(names, reverse=True):
        return "the order is descending: leave out DESC, or ascending=False"
    if rows == sorted(rows, key=lambda row: str(row[1])):
        return "the rows are ordered by e-mail address"
    if names == sorted(names, key=str.lower):
        return "upper and lower case make no difference here: order by name, not by lower(name)"
    return "ORDER BY name"

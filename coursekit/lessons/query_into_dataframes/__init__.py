"""The exercises of the lesson: query into dataframes."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.query_into_dataframes.checks import ORDERS, USERS, contacts, orders, search

EXERCISES = (
    Exercise(
        "names-and-emails",
        "Names and e-mail addresses, in order",
        contacts,
        names=("contacts",),
        initial_state=InitialState("query-into-dataframes", sql=USERS),
        hints=(
            "Which columns must be left out, and what determines the order of the rows?",
            "pd.read_sql takes a SELECT and an engine, or a connection. This lesson does it in "
            'the section "Ask for what you need".',
            "return pd.read_sql(text(...), engine), with SELECT, two columns, and ORDER BY.",
        ),
        why="The SELECT names what it needs, so no password hash leaves the database. Only "
        "ORDER BY promises an order. If you pass read_sql an engine, it checks out a "
        "connection and returns it to the pool.",
    ),
    Exercise(
        "search-for-a-string",
        "A string from outside",
        search,
        names=("find_users",),
        initial_state=InitialState("query-into-dataframes", sql=USERS),
        points=2,
        hints=(
            "The string may contain a quotation mark. What happens to your query then?",
            "Write a bound parameter, :name, in the SELECT, and pass the string in params. The "
            "same parameter may appear twice.",
            "WHERE lower(name) = lower(:wanted) OR lower(email) = lower(:wanted)",
        ),
        why="A bound parameter goes to the driver separately from the query, so none of its "
        "characters can become part of the SQL. `lower` on both sides ignores capitals, and `=` "
        "has no wildcards, unlike LIKE.",
    ),
    Exercise(
        "exact-amounts",
        "Exact amounts, whole numbers",
        orders,
        names=("read_orders",),
        initial_state=InitialState("query-into-dataframes", sql=ORDERS),
        points=2,
        hints=(
            "Look at the dtypes of what read_sql returns. Which two columns changed their type?",
            "This lesson has an option for decimals, and a dtype for numbers with a missing one. "
            "The two options of read_sql together turn the amounts into strings: look at a value.",
            'Read with coerce_float=False, then change one column: astype("Int64").',
        ),
        why="`coerce_float=False` keeps the Decimals that the driver returns. "
        "`dtype_backend` would turn them into strings, so convert only the `items` column to a "
        "dtype that allows missing values.",
    ),
)

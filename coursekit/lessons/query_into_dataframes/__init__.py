"""The exercises of the lesson: query into dataframes."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.query_into_dataframes.checks import ORDERS, USERS, contacts, orders, search

EXERCISES = (
    Exercise(
        "names-and-emails",
        "Names and addresses, in order",
        contacts,
        names=("contacts",),
        initial_state=InitialState("query-into-dataframes", sql=USERS),
        hints=(
            "Which columns must not come along, and who decides about the order of the rows?",
            "pd.read_sql takes a SELECT and an engine, or a connection. This lesson does it in "
            'the section "Ask for what you need".',
            "return pd.read_sql(text(...), engine), with SELECT, two columns, and ORDER BY.",
        ),
        why="The SELECT names what it needs, so no password hash leaves the database. Only "
        "ORDER BY promises an order. When read_sql gets an engine, it takes a connection for "
        "itself, and gives it back.",
    ),
    Exercise(
        "search-for-a-string",
        "A text from outside",
        search,
        names=("find_users",),
        initial_state=InitialState("query-into-dataframes", sql=USERS),
        points=2,
        hints=(
            "The text may hold a quotation mark. What happens to your question then?",
            "Write a name with a colon in the SELECT, and hand the text over in params. The "
            "same name may stand there twice.",
            "WHERE lower(name) = lower(:wanted) OR lower(email) = lower(:wanted)",
        ),
        why="A bound value goes to the driver beside the question, so no character in it can "
        "become part of the SQL. `lower` on both sides makes capitals equal, and `=` has no "
        "wildcards, which LIKE has.",
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
            "The two options of read_sql together make text of the amounts: look at a value.",
            'Read with coerce_float=False, then change one column: astype("Int64").',
        ),
        why="`coerce_float=False` leaves the Decimals that the driver gives. "
        "`dtype_backend` would make text of them, so only the column `items` gets a dtype "
        "with a place for a missing number.",
    ),
)

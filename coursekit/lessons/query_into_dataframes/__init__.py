"""The exercises of the lesson: query into dataframes."""

from __future__ import annotations

from coursekit.exercises.exercise import Exercise
from coursekit.exercises.initial_state import InitialState
from coursekit.lessons.query_into_dataframes.amounts import orders
from coursekit.lessons.query_into_dataframes.checks import ORDERS, USERS, contacts
from coursekit.lessons.query_into_dataframes.search import search

EXERCISES = (
    Exercise(
        "names-and-emails",
        "Names and e-mail addresses, in order",
        contacts,
        names=("contacts",),
        initial_state=InitialState("query-into-dataframes", sql=USERS),
        hints=(
            "Which columns do you have to leave out, and what determines the order of the rows?",
            "pd.read_sql takes a SELECT and either an engine or a connection. The section "
            '"Read a table into a DataFrame" shows it.',
            "return pd.read_sql(text(...), engine), with a SELECT of two columns and ORDER BY.",
        ),
        why="The SELECT names the columns that are needed, so no password hash leaves the "
        "database. Only ORDER BY guarantees an order. If you pass the engine, read_sql checks "
        "out a connection and returns it to the pool.",
    ),
    Exercise(
        "search-for-a-string",
        "A string from outside",
        search,
        names=("find_users",),
        initial_state=InitialState("query-into-dataframes", sql=USERS),
        points=2,
        hints=(
            "The string may contain a quote. What happens to your query then?",
            "Write a bound parameter, :wanted, in the SELECT, and pass the string in params. You "
            "can use the same parameter twice.",
            "WHERE lower(name) = lower(:wanted) OR lower(email) = lower(:wanted)",
        ),
        why="The driver receives a bound parameter separately from the query, so none of its "
        "characters can become part of the SQL. `lower` on both sides ignores the case, and `=` "
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
            'The section "Both at once" shows which two options don\'t work together, and how to '
            'set the dtype of a single column. "Large results, exact types" shows another way.',
            'pd.read_sql(query, engine, coerce_float=False, dtype={"items": "Int64"})',
        ),
        why="`coerce_float=False` keeps the Decimals that the driver returns. `dtype_backend` "
        "would turn them into strings, so only `items` gets another dtype, one for integers "
        'with missing values. frames.read(query, engine, dtype_backend="pyarrow") also works.',
    ),
)

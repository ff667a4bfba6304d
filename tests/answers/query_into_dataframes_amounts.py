"""Right and wrong answers to `exact-amounts`, named as in `query_into_dataframes`."""

from __future__ import annotations

from answers.query_into_dataframes import function
from support.samples import Wrong

ORDERS = "SELECT id, items, amount FROM orders ORDER BY id"
WHOLE = 'orders["items"] = orders["items"].astype("Int64")'


def _read(*lines: str, **options: str) -> str:
    """Return the lines that follow after `orders` was read with these options."""
    given = "".join(f", {name}={value}" for name, value in options.items())
    first = f"orders = pd.read_sql(text({ORDERS!r}), engine{given})"
    return function("read_orders(engine)", first, *(lines or ["return orders"]))


RIGHT = {
    "exact-amounts": (
        # K12
        _read(WHOLE, "return orders", coerce_float="False"),
        _read(
            'orders["amount"] = orders["amount"].map(Decimal).astype(object)',
            "return orders",
            coerce_float="False",
            dtype_backend='"numpy_nullable"',
        ),
        function(
            "read_orders(engine)",
            "with engine.connect() as connection:",
            f"    result = connection.execute(text({ORDERS!r}))",
            "    return pd.DataFrame(result.all(), columns=list(result.keys()), dtype=object)",
        ),
        function(
            "read_orders(engine)",
            f'return frames.read({ORDERS!r}, engine, dtype_backend="pyarrow")',
        ),
        function(
            "read_orders(engine)",
            'dtypes = {"items": "Int64"}',
            f"return frames.read({ORDERS!r}, engine, coerce_float=False, dtype=dtypes)",
        ),
        _read(
            coerce_float="False",
            dtype='{"items": "Int64", "amount": pd.ArrowDtype(pa.decimal128(20, 2))}',
        ),
        function(
            "read_orders(engine)",
            'query = text("SELECT id, items, amount::text AS amount FROM orders ORDER BY id")',
            'orders = pd.read_sql(query, engine, dtype={"items": "Int32"})',
            'orders["amount"] = orders["amount"].map(Decimal)',
            "return orders",
        ),
        function(
            "read_orders(engine)",
            f'table = frames.read({ORDERS!r}, engine, to="arrow")',
            "return table.to_pandas(types_mapper=pd.ArrowDtype)",
        ),
        _read(
            "pd.set_option('display.precision', 2)",
            "with decimal.localcontext(prec=60):",
            "    orders['amount'] = [+amount for amount in orders['amount']]",
            "return orders",
            coerce_float="False",
            dtype='{"items": "Int64"}',
        ),
        function(
            "read_orders(engine)",
            'columns = "id, items, (amount * 100)::numeric(30, 0)::text AS amount"',
            'query = text(f"SELECT {columns} FROM orders ORDER BY id")',
            'orders = pd.read_sql(query, engine, dtype={"items": "Int64"})',
            'orders["amount"] = [Decimal(cents).scaleb(-2) for cents in orders["amount"]]',
            "return orders",
        ),
        _read(
            'orders["amount"] = orders["amount"].map(Decimal.normalize)',
            WHOLE,
            "return orders",
            coerce_float="False",
        ),
        function(
            "read_orders(engine)",
            'orders = Table("orders", MetaData(), autoload_with=engine)',
            'query = select(orders.c["id", "items", "amount"]).order_by(orders.c.id)',
            'return pd.read_sql(query, engine, coerce_float=False, dtype={"items": "Int64"})',
        ),
        # K13
        _read("time.sleep(2)", WHOLE, 'return orders.sort_values("id")', coerce_float="False"),
    ),
}
WRONG = {
    "exact-amounts": (
        Wrong(
            "K1 the values by hand",
            function(
                "read_orders(engine)",
                'items = pd.array([2, None, 1, 3], dtype="Int64")',
                'amounts = [Decimal(one) for one in ("19.90", "5.10", "8.20", "24.70")]',
                'return pd.DataFrame({"id": [1, 2, 3, 4], "items": items, "amount": amounts})',
            ),
            "it has every order",
        ),
        Wrong("K6 as usual", _read(), "NULL has turned the column into floats"),
        Wrong("K6 only NULL", _read(dtype_backend='"numpy_nullable"'), "these are floats"),
        Wrong("K6 only decimals", _read(coerce_float="False"), "into floats"),
        Wrong(
            "K6 both options",
            _read(coerce_float="False", dtype_backend='"numpy_nullable"'),
            "these are strings",
        ),
        Wrong(
            "K6 both options, with Arrow",
            _read(coerce_float="False", dtype_backend='"pyarrow"'),
            "these are strings",
        ),
        Wrong(
            "K6 by the table's name",
            function(
                "read_orders(engine)",
                'orders = pd.read_sql_table("orders", engine, coerce_float=False)',
                WHOLE,
                'return orders.sort_values("id")',
            ),
            "read_sql_table ignores that",
        ),
        Wrong(
            "K6 zero for NULL",
            _read(
                'orders["items"] = orders["items"].fillna(0).astype(int)',
                "return orders",
                coerce_float="False",
            ),
            "a missing number has to stay missing",
        ),
        Wrong(
            "K6 NULL left out",
            _read('return orders.dropna().astype({"items": int})', coerce_float="False"),
            "whether it drops rows",
        ),
        Wrong(
            "K6 strings of numbers",
            _read(
                'orders["items"] = orders["items"].astype("Int64").astype("string")',
                "return orders",
                coerce_float="False",
            ),
            "items are integers",
        ),
        Wrong(
            "K6 Decimals made of floats",
            _read(WHOLE, 'orders["amount"] = orders["amount"].map(Decimal)', "return orders"),
            "created from floats",
        ),
        Wrong(
            "K6 Decimals made of rounded floats",
            _read(
                WHOLE,
                'orders["amount"] = [Decimal(str(one)) for one in orders["amount"]]',
                "return orders",
            ),
            "created from floats",
        ),
        Wrong(
            "K10 the decimal context changed",
            _read(
                "decimal.getcontext().prec = 60",
                WHOLE,
                "return orders",
                coerce_float="False",
            ),
            "the decimal context is as it was",
        ),
        Wrong(
            "K6 the sign lost",
            _read(
                WHOLE,
                'orders["amount"] = orders["amount"].map(abs)',
                "return orders",
                coerce_float="False",
            ),
            "the sign",
        ),
        Wrong(
            "K2 cached",
            _read(WHOLE, "return orders", coerce_float="False").replace(
                "def ", "@functools.cache\ndef "
            ),
            "functools.cache",
        ),
        Wrong(
            "K6 the first thousand",
            _read(WHOLE, "return orders.head(1000)", coerce_float="False"),
            "LIMIT, head() and chunksize",
        ),
        Wrong(
            "K6 rounded to six digits",
            _read(
                "decimal.getcontext().prec = 6",
                WHOLE,
                'orders["amount"] = [+one for one in orders["amount"]]',
                "return orders",
                coerce_float="False",
            ),
            "they've lost digits",
        ),
        Wrong(
            "K6 the columns in another order",
            _read(WHOLE, 'return orders[["id", "amount", "items"]]', coerce_float="False"),
            "the order of the columns",
        ),
        Wrong(
            "K6 cents",
            _read(
                WHOLE,
                'orders["amount"] = [int(one * 100) for one in orders["amount"]]',
                "return orders",
                coerce_float="False",
            ),
            "the type of one value",
        ),
        Wrong(
            "K6 another order",
            _read(WHOLE, "return orders[::-1]", coerce_float="False"),
            "ORDER BY id",
        ),
        Wrong(
            "K6 ordered as strings",
            function(
                "read_orders(engine)",
                f"query = text({ORDERS!r}.replace('BY id', 'BY CAST(id AS text)'))",
                'return pd.read_sql(query, engine, coerce_float=False, dtype={"items": "Int64"})',
            ),
            "ORDER BY id",
        ),
        Wrong(
            "K6 equal orders lost",
            _read(
                WHOLE,
                "return orders.drop_duplicates(['items', 'amount'])",
                coerce_float="False",
            ),
            "it has every order",
        ),
        Wrong(
            "K6 no columns without orders",
            function(
                "read_orders(engine)",
                "with engine.connect() as connection:",
                f"    rows = connection.execute(text({ORDERS!r})).mappings().all()",
                "return pd.DataFrame(rows, dtype=object)",
            ),
            "even if the table is empty",
        ),
        Wrong(
            "K3 a read-only session left behind",
            function(
                "read_orders(engine)",
                "with engine.connect() as connection:",
                "    connection.connection.set_session(readonly=True)",
                f"    orders = pd.read_sql(text({ORDERS!r}), connection, coerce_float=False)",
                "return orders.astype({'items': 'Int64'})",
            ),
            "use execution_options()",
        ),
        Wrong(
            "K6 the id as a string",
            _read('return orders.astype({"id": "string", "items": "Int64"})', coerce_float="False"),
            "it has to stay an integer",
        ),
        Wrong(
            "K6 from Arrow to NumPy",
            function(
                "read_orders(engine)",
                f'return frames.read({ORDERS!r}, engine, to="arrow").to_pandas()',
            ),
            "NULL has turned the column into floats",
        ),
        Wrong(
            "K6 the id as index",
            _read(WHOLE, "return orders", coerce_float="False", index_col='"id"'),
            "leave out index_col",
        ),
        Wrong("K6 nothing returned", _read(WHOLE, coerce_float="False"), "returns a DataFrame"),
        Wrong(
            "K3 a connection left open",
            _read(WHOLE, "return orders", coerce_float="False").replace(
                ", engine,", ", engine.connect(),"
            ),
            "every connection is returned to the pool",
        ),
        Wrong(
            "K3 left open if the query fails",
            function(
                "read_orders(engine)",
                "connection = engine.connect()",
                f"found = pd.read_sql(text({ORDERS!r}), connection, coerce_float=False)",
                "found = found.astype({'items': 'Int64'})",
                "connection.close()",
                "return found",
            ),
            "even if the query fails",
        ),
        Wrong(
            "K4 errors hidden",
            function(
                "read_orders(engine)",
                "try:",
                f"    found = pd.read_sql(text({ORDERS!r}), engine, coerce_float=False)",
                "    return found.astype({'items': 'Int64'})",
                "except Exception:",
                "    return pd.DataFrame(columns=['id', 'items', 'amount'])",
            ),
            "the function raises the error",
        ),
        Wrong(
            "K10 the column changed",
            function(
                "read_orders(engine)",
                "with engine.begin() as connection:",
                '    connection.execute(text("UPDATE orders SET items = 0 WHERE items IS NULL"))',
                f"return pd.read_sql(text({ORDERS!r}), engine, coerce_float=False)",
            ),
            "a missing number has to stay missing",
        ),
        Wrong(
            "K10 a type changed",
            _read(
                "with engine.begin() as connection:",
                '    connection.execute(text("ALTER TABLE orders ALTER amount TYPE text"))',
                "return orders",
                coerce_float="False",
                dtype='{"items": "Int64"}',
            ),
            "the database is unchanged",
        ),
        Wrong(
            "K11 another engine",
            _read(WHOLE, "return orders", coerce_float="False").replace(
                ", engine,", ", exercise.engine,"
            ),
            "the engine that's passed",
        ),
    ),
}

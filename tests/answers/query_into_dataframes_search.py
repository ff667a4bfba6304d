"""Right and wrong answers to `search-for-a-string`, named as in `query_into_dataframes`."""

from __future__ import annotations

from answers.query_into_dataframes import NAMES, function
from support.samples import Wrong

USER = "SELECT id, name, email FROM users WHERE lower(name) = lower(:wanted)"
BOTH = f"{USER} OR lower(email) = lower(:wanted)"
MAIL = USER.replace("(name)", "(email)")
DANGER = f'''text(f"{BOTH.replace(":wanted", "'{wanted}'")}")'''
TEMPLATE = DANGER.replace("(f", "(")[:-1]


def _find(*lines: str) -> str:
    return function("find_users(engine, wanted)", *lines)


def _bound(query: str, engine: str = "engine", value: str = "wanted") -> str:
    """Return code that finds users with a query and the text as a bound parameter."""
    return _find(f'return pd.read_sql(text("{query}"), {engine}, params={{"wanted": {value}}})')


RIGHT = {
    "search-for-a-string": (
        # K12
        _find(
            "from models import User",
            "columns = (func.lower(User.name), func.lower(User.email))",
            "found = or_(*(column == func.lower(wanted) for column in columns))",
            "query = select(User.id, User.name, User.email).where(found)",
            "return pd.read_sql(query, engine)",
        ),
        _find(
            f'query = "{BOTH.replace(":wanted", "%(wanted)s")}"',
            'return pd.read_sql(query, engine, params={"wanted": wanted})',
        ),
        _find(
            'users = pd.read_sql(text("SELECT id, name, email FROM users"), engine)',
            'names, emails = users["name"].str.lower(), users["email"].str.lower()',
            "return users[(names == wanted.lower()) | (emails == wanted.lower())]",
        ),
        _find(f'return frames.read("{BOTH}", engine, wanted=wanted)'),
        _bound(f"{USER} UNION {MAIL}"),
        _bound(BOTH.replace("lower(:wanted)", ":wanted"), value="wanted.lower()"),
        _bound(
            "SELECT id, name, email FROM users "
            "WHERE lower(:wanted) IN (lower(name), lower(email)) ORDER BY id"
        ),
        _find(
            r'pattern = re.sub(r"([\\%_])", r"\\\1", wanted)',
            f"query = text({BOTH.replace('=', 'ILIKE')!r})",
            'return pd.read_sql(query, engine, params={"wanted": pattern})',
        ),
        _find(
            "from models import User",
            "with Session(engine) as session:",
            "    found = session.scalars(select(User).where(or_(",
            "        func.lower(User.name) == func.lower(wanted),",
            "        func.lower(User.email) == func.lower(wanted)))).all()",
            '    return pd.DataFrame([{"id": u.id, "name": u.name, "email": u.email}',
            '                         for u in found], columns=["id", "name", "email"])',
        ),
        _find(
            f"query = text({BOTH!r}).bindparams(wanted=wanted)",
            "with engine.connect() as connection:",
            "    rows = connection.execute(query).all()",
            'return pd.DataFrame(rows, columns=["id", "name", "email"])',
        ),
        # K13
        _bound(BOTH, value="[time.sleep(0.5), wanted][1]"),
    ),
}
WRONG = {
    "search-for-a-string": (
        Wrong(
            "K1 the example",
            _find(
                'row = {"id": 2, "name": "Ann", "email": "ann@example.com"}',
                "return pd.DataFrame([row])",
            ),
            "finds a user by name",
        ),
        Wrong("K2 AND", _bound(BOTH.replace("OR", "AND")), "either the name or the e-mail"),
        Wrong("K2 only the name", _bound(USER), "finds a user by e-mail"),
        Wrong("K3 left open", _bound(BOTH, "engine.connect()"), "connection is returned"),
        Wrong(
            "K3 left open if no one is found",
            _find(
                "connection = engine.connect()",
                f'found = pd.read_sql(text("{BOTH}"), connection, params={{"wanted": wanted}})',
                "if found.empty:",
                "    return found",
                "connection.close()",
                "return found",
            ),
            "connection is returned",
        ),
        Wrong(
            "K3 left open if the query fails",
            _find(
                "connection = engine.connect()",
                f'found = pd.read_sql(text("{BOTH}"), connection, params={{"wanted": wanted}})',
                "connection.close()",
                "return found",
            ),
            "even if the query fails",
        ),
        Wrong(
            "K4 errors hidden",
            _find(
                "try:",
                f'    return pd.read_sql(text("{BOTH}"), engine, params={{"wanted": wanted}})',
                "except Exception:",
                "    return pd.DataFrame(columns=['id', 'name', 'email'])",
            ),
            "the function raises the error",
        ),
        Wrong(
            "K4 errors become no one",
            _find(
                "try:",
                f"    return pd.read_sql({DANGER}, engine)",
                "except Exception:",
                '    return pd.DataFrame(columns=["id", "name", "email"])',
            ),
            "contains SQL",
        ),
        Wrong("K5 an f-string", _find(f"return pd.read_sql({DANGER}, engine)"), "an f-string"),
        Wrong(
            "K5 an f-string that commits",
            _find(
                "with engine.begin() as connection:",
                f"    return pd.read_sql({DANGER}, connection)",
            ),
            "an f-string",
        ),
        Wrong(
            "K5 format",
            _find(f"return pd.read_sql({TEMPLATE}.format(wanted=wanted)), engine)"),
            "an f-string, format()",
        ),
        Wrong(
            "K5 an f-string without text()",
            _find(f"""return pd.read_sql(f"{BOTH.replace(":wanted", "'{wanted}'")}", engine)"""),
            "an f-string",
        ),
        Wrong(
            "K5 quotation marks doubled",
            _find(
                """wanted = wanted.replace("'", "''")""",
                f"return pd.read_sql({DANGER}, engine)",
            ),
            "quotation marks and : and %",
        ),
        Wrong("K5 a quoted name", _bound(BOTH.replace(":wanted", "':wanted'")), "what the error"),
        Wrong("K5 case matters", _bound(BOTH.replace("lower", "")), "lower() on both sides"),
        Wrong("K5 one side", _bound(BOTH.replace("(email) = lower", "(email) = ")), "both sides"),
        Wrong("K5 ILIKE", _bound(BOTH.replace("=", "ILIKE")), "look for patterns"),
        Wrong("K5 a regular expression", _bound(BOTH.replace("=", "~")), "look for patterns"),
        Wrong(
            "K5 a whole regular expression",
            _bound(BOTH.replace("=", "~"), value="f'^{wanted}$'"),
            "look for patterns",
        ),
        Wrong(
            "K5 parts of names",
            _bound(BOTH.replace("=", "LIKE"), value="f'%{wanted}%'"),
            "look for patterns",
        ),
        Wrong(
            "K5 a part of the address",
            _bound(f"{BOTH} OR lower(split_part(email, '@', 1)) = lower(:wanted)"),
            "part of a name",
        ),
        Wrong(
            "K5 contains",
            _find(
                'users = pd.read_sql(text("SELECT id, name, email FROM users"), engine)',
                "look = dict(case=False, regex=False)",
                'found = users["name"].str.contains(wanted, **look)',
                'return users[found | users["email"].str.contains(wanted, **look)]',
            ),
            "part of a name",
        ),
        Wrong("K5 spaces cut off", _bound(BOTH, value="wanted.strip()"), "a space counts"),
        Wrong(
            "K5 strange texts turned away",
            _bound(BOTH, value="wanted if set(wanted).isdisjoint('%:;') else ''"),
            "quotation marks and : and %",
        ),
        Wrong(
            "K3 a setting left behind",
            _find(
                "with engine.connect() as connection:",
                '    connection.execute(text("SET lock_timeout = 0"))',
                "    connection.commit()",
                f'    return pd.read_sql(text("{BOTH}"), connection, params={{"wanted": wanted}})',
            ),
            "as it was",
        ),
        Wrong(
            "K4 another error in its place",
            _find(
                "try:",
                f'    return pd.read_sql(text("{BOTH}"), engine, params={{"wanted": wanted}})',
                "except Exception as error:",
                '    raise LookupError("no search") from error',
            ),
            "`raise` alone",
        ),
        Wrong("K5 casefold", _bound(BOTH, value="wanted.casefold()"), "casefold()"),
        Wrong(
            "K5 casefold on both sides",
            _find(
                'users = pd.read_sql(text("SELECT id, name, email FROM users"), engine)',
                'same = users["name"].str.casefold() == wanted.casefold()',
                'return users[same | (users["email"].str.lower() == wanted.lower())]',
            ),
            "ss isn't ß",
        ),
        Wrong(
            "K5 Unicode forms made equal",
            _bound(BOTH.replace("lower(name)", "lower(normalize(name))")),
            "normalize()",
        ),
        Wrong(
            "K5 spaces made equal",
            _bound(BOTH.replace("lower(name)", "lower(regexp_replace(name, ' +', ' '))")),
            "two spaces aren't one",
        ),
        Wrong(
            "K5 spaces of stored names cut off",
            _bound(BOTH.replace("lower(name)", "lower(trim(name))")),
            "the spaces in a stored name count",
        ),
        Wrong(
            "K5 words of SQL turned away",
            _find(
                f"query = text({BOTH!r})",
                "if re.search('select|union|drop|delete', wanted.lower()):",
                "    wanted = ''",
                'return pd.read_sql(query, engine, params={"wanted": wanted})',
            ),
            "an if",
        ),
        Wrong(
            "K6 cast to the column's type",
            _bound(BOTH.replace("(:wanted)", "(CAST(:wanted AS varchar(255)))")),
            "what shortens the string",
        ),
        Wrong(
            "K6 the id, too",
            _bound(f"{BOTH} OR CAST(id AS text) = :wanted"),
            "only the name and the e-mail address",
        ),
        Wrong("K6 both have to match", _bound(BOTH.replace(" OR ", " AND ")), "your WHERE"),
        Wrong(
            "K6 names in lower case",
            _bound(BOTH.replace("id, name", "id, lower(name) AS name")),
            "return each value as it's stored",
        ),
        Wrong(
            "K5 a query of pandas",
            _find(
                'users = pd.read_sql(text("SELECT id, name, email FROM users"), engine)',
                """same = f"name.str.lower() == '{wanted.lower()}'" """.strip(),
                """return users.query(same + f" or email.str.lower() == '{wanted.lower()}'")""",
            ),
            "what the error says",
        ),
        Wrong("K5 line breaks cut off", _bound(BOTH, value="wanted.strip('\\n')"), "line break"),
        Wrong("K5 semicolons removed", _bound(BOTH, value="wanted.replace(';', '')"), "replace()"),
        Wrong("K5 ASCII only", _bound(BOTH, value="ascii(wanted)[1:-1]"), "encode()"),
        Wrong("K6 cut off", _bound(BOTH, value="wanted[:50]"), "what shortens the string"),
        Wrong("K6 empty finds all", _bound(f"{BOTH} OR :wanted = ''"), "the empty string"),
        Wrong(
            "K6 no columns if no one is found",
            _find(
                f'found = pd.read_sql(text("{BOTH}"), engine, params={{"wanted": wanted}})',
                "return found if len(found) else pd.DataFrame()",
            ),
            "even if no one is found",
        ),
        Wrong(
            "K6 @ decides",
            _find(
                f'query = "{MAIL}" if "@" in wanted else "{USER}"',
                'return pd.read_sql(text(query), engine, params={"wanted": wanted})',
            ),
            "one user's name and another's e-mail address",
        ),
        Wrong(
            "K14 a setting of the database",
            _find(
                "with engine.begin() as connection:",
                '    name = connection.scalar(text("SELECT current_database()"))',
                """    connection.execute(text(f'ALTER DATABASE "{name}" SET work_mem = 9999'))""",
                f'    return pd.read_sql(text("{BOTH}"), connection, params={{"wanted": wanted}})',
            ),
            "changed work_mem",
        ),
        Wrong("K6 one at most", _bound(f"{BOTH} LIMIT 1"), "LIMIT, head() and fetchone()"),
        Wrong("K6 ten at most", _bound(f"({BOTH}) ORDER BY id LIMIT 10"), "LIMIT, head()"),
        *(
            Wrong(
                f"K5 a list separated by {mark!r}",
                _bound(
                    f"{USER} OR lower(email) = lower(:wanted)".replace(
                        "lower(:wanted)", f"ANY(string_to_array(lower(:wanted), '{mark}'))"
                    )
                ),
                "not a list of them",
            )
            for mark in (",", "|")
        ),
        Wrong(
            "K5 upper in Python",
            _find(
                'users = pd.read_sql(text("SELECT id, name, email FROM users"), engine)',
                'same = users["name"].map(str.upper) == wanted.upper()',
                'return users[same | (users["email"].map(str.upper) == wanted.upper())]',
            ),
            "Python's upper()",
        ),
        Wrong(
            "K2 cached",
            _bound(BOTH).replace("def ", "@functools.cache\ndef "),
            "functools.cache",
        ),
        Wrong(
            "K2 all users kept",
            _find(
                "global everyone",
                'if "everyone" not in globals():',
                '    query = "SELECT id, name, email FROM users"',
                "    everyone = pd.read_sql(text(query), engine)",
                "names, emails = everyone['name'].str.lower(), everyone['email'].str.lower()",
                "return everyone[(names == wanted.lower()) | (emails == wanted.lower())]",
            ),
            "the result of an earlier call",
        ),
        Wrong("K6 twice", _bound(f"{USER} UNION ALL {MAIL}"), "which repeats them"),
        Wrong(
            "K6 the e-mail only if no name fits",
            _find(
                f'found = pd.read_sql(text("{USER}"), engine, params={{"wanted": wanted}})',
                "if len(found):",
                "    return found",
                f'return pd.read_sql(text("{MAIL}"), engine, params={{"wanted": wanted}})',
            ),
            "every user with that name or e-mail address",
        ),
        Wrong("K6 too much", _bound(BOTH.replace("id, name, email", "*")), "asked for password"),
        Wrong(
            "K10 searches kept in a table",
            _find(
                "with engine.begin() as connection:",
                '    connection.execute(text("CREATE TABLE IF NOT EXISTS seen (what text)"))',
                f'return pd.read_sql(text("{BOTH}"), engine, params={{"wanted": wanted}})',
            ),
            "added table seen",
        ),
        Wrong("K11 another engine", _bound(BOTH, "exercise.engine"), "the engine that's passed"),
        Wrong(
            "no parameter",
            function("find_users(engine)", f"return pd.read_sql({NAMES}, engine)"),
            "keep the parameters that the exercise gives",
        ),
    ),
}

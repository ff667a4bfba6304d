"""Right and wrong answers to `split-name-online`."""

from __future__ import annotations

from support.samples import revision, wrong

BETWEEN = "# %%\n"
MODEL = """
from pathlib import Path
models = Path("models.py")
models.write_text(models.read_text().replace('''    name: Mapped[str] = mapped_column(String(50))
''', '''    first_name: Mapped[str] = mapped_column(String(50))
    last_name: Mapped[str] = mapped_column(String(50))
'''))
"""
ADD = """op.add_column("users", sa.Column("first_name", sa.String(50)))
op.add_column("users", sa.Column("last_name", sa.String(50)))"""
FULL = ADD.replace("(50)", "(50), nullable=False, server_default=''")
PLAIN = "regexp_replace(trim({0}name), ' +', ' ', 'g')"
FIRST = f"regexp_replace({PLAIN}, ' [^ ]+$', '')"
LAST = f"coalesce(substring({PLAIN} FROM ' ([^ ]+)$'), '')"
SPLIT = f"NEW.first_name := {FIRST.format('NEW.')}; NEW.last_name := {LAST.format('NEW.')};"
JOIN = "NEW.name := trim(NEW.first_name || ' ' || NEW.last_name);"
OWN = "(NEW.first_name, NEW.last_name) IS DISTINCT FROM (OLD.first_name, OLD.last_name)"
BRIDGE = f"""op.execute('''CREATE FUNCTION bridge() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.name IS NULL THEN {JOIN} ELSE {SPLIT} END IF;
    ELSIF {OWN} THEN {JOIN}
    ELSIF NEW.name IS DISTINCT FROM OLD.name OR NEW.first_name IS NULL THEN {SPLIT}
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER bridge BEFORE INSERT OR UPDATE ON users
FOR EACH ROW EXECUTE FUNCTION bridge()''')"""
FILL = 'op.execute("UPDATE users SET name = name WHERE first_name IS NULL")'
ONCE = f'''op.execute("""UPDATE users SET first_name = {FIRST.format("")},
    last_name = {LAST.format("")}""")'''
BATCHES = """batch = sa.text("UPDATE users SET name = name WHERE id IN "
                "(SELECT id FROM users WHERE first_name IS NULL ORDER BY id LIMIT 400)")
with op.get_context().autocommit_block():
    while op.get_bind().execute(batch).rowcount:
        pass"""
LET_GO = 'op.execute("DROP TRIGGER bridge ON users; DROP FUNCTION bridge")'
NOT_NULL = """op.alter_column("users", "first_name", nullable=False)
op.alter_column("users", "last_name", nullable=False)"""
DROP = 'op.drop_column("users", "name")'
CONTRACT = f"{LET_GO}\n{NOT_NULL}\n{DROP}"
ONE_NAME = """op.add_column("users", sa.Column("name", sa.String(50)))
op.execute("UPDATE users SET name = trim(first_name || ' ' || last_name)")
op.alter_column("users", "name", nullable=False)"""
NONE = """op.execute("DROP TRIGGER IF EXISTS bridge ON users; DROP FUNCTION IF EXISTS bridge")
op.drop_column("users", "first_name"); op.drop_column("users", "last_name")"""


def _all(*steps: tuple[str, str], model: str = MODEL) -> str:
    """Return an answer: a model, and revisions with their upgrade and downgrade steps."""
    return BETWEEN.join([model, *(revision(f"{5 + n:04}", *pair) for n, pair in enumerate(steps))])


def _three(
    expand: str = f"{ADD}\n{BRIDGE}",
    fill: str = BATCHES,
    contract: str = CONTRACT,
    one: str = ONE_NAME,
    model: str = MODEL,
) -> str:
    """Return an answer in three revisions: expand, backfill, contract."""
    return _all((expand, NONE), (fill, "pass"), (contract, one), model=model)


def _other(old: str, new: str) -> str:
    """Return the same three, with one thing changed in the bridge."""
    assert old in BRIDGE, old
    return _three(f"{ADD}\n{BRIDGE.replace(old, new)}")


VIEW = f"""op.execute('''
LOCK TABLE users;
ALTER TABLE users RENAME TO people;
ALTER TABLE people ADD first_name varchar(50), ADD last_name varchar(50), ALTER name DROP NOT NULL;
CREATE VIEW users AS SELECT id, email, password,
    coalesce(name, trim(first_name || ' ' || last_name)) AS name,
    coalesce(first_name, {FIRST.format("")}) AS first_name,
    coalesce(last_name, {LAST.format("")}) AS last_name FROM people;
CREATE FUNCTION door() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO people (name, first_name, last_name, email, password)
        VALUES (CASE WHEN NEW.first_name IS NULL THEN NEW.name END, NEW.first_name,
                NEW.last_name, NEW.email, NEW.password) RETURNING id INTO NEW.id;
    ELSE
        UPDATE people SET email = NEW.email, password = NEW.password WHERE id = OLD.id;
        IF {OWN} THEN
            UPDATE people SET name = NULL, first_name = NEW.first_name, last_name = NEW.last_name
            WHERE id = OLD.id;
        ELSIF NEW.name <> OLD.name THEN
            UPDATE people SET name = NEW.name, first_name = NULL, last_name = NULL
            WHERE id = OLD.id;
        END IF;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER door INSTEAD OF INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION door()''')"""
FILL_VIEW = f'''op.execute("""UPDATE people SET first_name = {FIRST.format("")},
    last_name = {LAST.format("")} WHERE first_name IS NULL""")'''
SHUT = f"""op.execute('''LOCK TABLE users;
UPDATE people SET first_name = {FIRST.format("")}, last_name = {LAST.format("")}
WHERE first_name IS NULL;
DROP VIEW users; DROP FUNCTION door();
ALTER TABLE people ALTER first_name SET NOT NULL, ALTER last_name SET NOT NULL, DROP name;
ALTER TABLE people RENAME TO users''')"""
NO_VIEW = 'op.drop_column("users", "first_name"); op.drop_column("users", "last_name")'
ONE_WAY = f"""op.execute('''
CREATE FUNCTION divide() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {SPLIT} RETURN NEW; END $$;
CREATE FUNCTION unite() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {JOIN} RETURN NEW; END $$;
CREATE TRIGGER a BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.name IS NOT NULL)
EXECUTE FUNCTION divide();
CREATE TRIGGER b BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.name IS NULL)
EXECUTE FUNCTION unite();
CREATE TRIGGER c BEFORE UPDATE OF name ON users FOR EACH ROW
WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION divide();
CREATE TRIGGER d BEFORE UPDATE OF first_name, last_name ON users FOR EACH ROW
WHEN (OLD.first_name <> '') EXECUTE FUNCTION unite()''')"""
NO_TRIGGERS = (
    'op.execute("DROP FUNCTION IF EXISTS divide CASCADE; DROP FUNCTION IF EXISTS unite CASCADE")'
)
FILL_EMPTY = ONCE.replace('""")', ' WHERE first_name = \'\'""")')
NAMES_RIGHT = (
    # Two revisions: the first commits in the middle.
    _all(
        (f"{ADD}\n{BRIDGE}\nwith op.get_context().autocommit_block():\n    {FILL}", NONE),
        (CONTRACT, ONE_NAME),
    ),
    # Full columns from the start, four triggers, and one statement that fills.
    _all(
        (FULL, 'op.drop_column("users", "first_name"); op.drop_column("users", "last_name")'),
        (ONE_WAY, NO_TRIGGERS),
        (FILL_EMPTY, "pass"),
        (
            f'{NO_TRIGGERS}\n{DROP}\nop.alter_column("users", "first_name", server_default=None)\n'
            'op.alter_column("users", "last_name", server_default=None)',
            ONE_NAME,
        ),
    ),
    # A view replaces the table while both versions run.
    _all((VIEW, NO_VIEW), (FILL_VIEW, "pass"), (SHUT, ONE_NAME)),
    # Five revisions, row by row in Python, and a NOT NULL that was validated before.
    _all(
        (ADD, 'op.drop_column("users", "first_name"); op.drop_column("users", "last_name")'),
        (
            BRIDGE,
            LET_GO.replace("TRIGGER", "TRIGGER IF EXISTS").replace(
                "FUNCTION", "FUNCTION IF EXISTS"
            ),
        ),
        (
            "bind = op.get_bind()\n"
            'columns = map(sa.column, ("id", "name", "first_name", "last_name"))\n'
            'users = sa.table("users", *columns)\n'
            "rows = bind.execute(sa.select(users).where(users.c.first_name == None)).all()\n"
            "with op.get_context().autocommit_block():\n"
            "    for row in rows:\n"
            "        *first, last = row.name.split()\n"
            "        full = {'first_name': ' '.join(first), 'last_name': last}\n"
            "        if not first: full = {'first_name': last, 'last_name': ''}\n"
            "        same = (users.c.id == row.id) & (users.c.name == row.name)\n"
            "        op.get_bind().execute(users.update().where(same).values(full))",
            "pass",
        ),
        (
            'op.execute("ALTER TABLE users ADD CONSTRAINT full_names CHECK '
            '(first_name IS NOT NULL AND last_name IS NOT NULL) NOT VALID")\n'
            "with op.get_context().autocommit_block():\n"
            '    op.execute("ALTER TABLE users VALIDATE CONSTRAINT full_names")',
            'op.execute("ALTER TABLE users DROP CONSTRAINT IF EXISTS full_names")',
        ),
        (
            f'{CONTRACT}\nop.execute("ALTER TABLE users DROP CONSTRAINT full_names")',
            ONE_NAME,
        ),
    ),
)
RENAME = 'op.alter_column("users", "name", new_column_name="first_name")'
EMPTY = """op.add_column("users", sa.Column("last_name", sa.String(50), server_default=""))"""
OPEN = 'op.alter_column("users", "name", nullable=True)'
AT_ONCE = 'op.add_column("users", sa.Column("name", sa.String(50), nullable=False{}))'
LAST_ONLY = """
    IF NEW.last_name = '' THEN NEW.last_name := NEW.first_name; NEW.first_name := ''; END IF;"""
FIRST_WORD = """NEW.first_name := split_part(NEW.name, ' ', 1);
    NEW.last_name := substr(NEW.name, strpos(NEW.name || ' ', ' ') + 1);"""
NAMES_WRONG = wrong(
    "{}",
    f"""
--- all in one revision -> there are two revisions or more
{_all((f"{ADD}{chr(10)}{ONCE}{chr(10)}{NOT_NULL}{chr(10)}{DROP}", f"{ONE_NAME}{chr(10)}{NONE}"))}
--- the column gets another name first -> column "name"
{_all((RENAME, "pass"), (EMPTY, "pass"))}
--- what autogenerate writes -> contains null values
{_all((ADD.replace("(50)", "(50), nullable=False") + chr(10) + DROP, "pass"), ("pass", "pass"))}
--- the new columns alone -> the shop's sessions get no error
{_three(ADD, ONCE, f"{NOT_NULL}{chr(10)}{DROP}")}
--- the old name may be empty, and nothing bridges -> divided by the rule
{_three(f"{FULL}{chr(10)}{OPEN}", ONCE, DROP)}
--- nobody fills the old rows -> divided by the rule
{_three(fill="pass")}
--- the bridge works for new rows only -> the new code reads a name that the old code has changed
{_three(f"{ADD}{chr(10)}{BRIDGE}".replace("INSERT OR UPDATE ON", "INSERT ON"), ONCE)}
--- the bridge goes one way -> the old code reads a name that the new code has changed
{_other(f"ELSIF {OWN} THEN {JOIN}", "")}
--- the bridge always divides -> as it has divided them
{_other(f"ELSIF {OWN} THEN {JOIN}", f"ELSIF {OWN} THEN {JOIN} {SPLIT}")}
--- every update divides -> a new password changes nobody's name
{_other("ELSIF NEW.name IS DISTINCT FROM OLD.name OR NEW.first_name IS NULL THEN", "ELSE")}
--- the first word is the first name -> divided by the rule
{_other(SPLIT, FIRST_WORD)}
--- blanks are left -> divided by the rule
{_three(f"{ADD}{chr(10)}{BRIDGE}".replace(PLAIN.format("NEW."), "NEW.name"))}
--- one word is a last name -> divided by the rule
{_other(SPLIT, SPLIT + LAST_ONLY)}
--- one word has no last name -> divided by the rule
{_other(SPLIT, SPLIT + " NEW.last_name := nullif(NEW.last_name, '');")}
--- too short -> value too long
{_three(f"{ADD}{chr(10)}{BRIDGE}".replace("(50)", "(30)"))}
--- filled in the transaction that locks -> a lock that blocks the shop
{_all((f"{ADD}{chr(10)}{BRIDGE}{chr(10)}{FILL}", NONE), (CONTRACT, ONE_NAME))}
--- filled under the lock of a trigger -> a lock that blocks the shop
{_all((ADD, "pass"), (f"{BRIDGE}{chr(10)}{FILL}", NONE), (CONTRACT, ONE_NAME))}
--- filled once more at the end -> the last revision changes nobody's name
{_three(contract=f"{LET_GO}{chr(10)}{ONCE}{chr(10)}{NOT_NULL}{chr(10)}{DROP}")}
--- the old column stays -> the column name is gone
{_three(contract=f"{LET_GO}{chr(10)}{NOT_NULL}{chr(10)}{OPEN}")}
--- the bridge stays -> the shop's sessions get no error
{_three(contract=f"{NOT_NULL}{chr(10)}{DROP}")}
--- the function stays -> no trigger and no function is left over
{_three(contract=CONTRACT.replace("; DROP FUNCTION bridge", ""))}
--- names may be NULL -> first_name is never NULL
{_three(contract=f"{LET_GO}{chr(10)}{DROP}")}
--- the models say what they said -> models and database are alike
{_three(model="")}
--- the way back with empty names -> everybody has their name
{_three(one=AT_ONCE.format(", server_default=''"))}
--- the way back with the first names -> everybody has their name
{_three(one=ONE_NAME.replace("trim(first_name || ' ' || last_name)", "first_name"))}
--- the way back, and NOT NULL at once -> the downgrade runs
{_three(one=AT_ONCE.format(""))}
--- the way back leaves name open -> the tables are as they were
{_three(one=ONE_NAME.replace("nullable=False", "nullable=True"))}
--- no way back -> the downgrade runs
{_three(one="raise NotImplementedError")}
""",
)

RIGHT = {
    "split-name-online": NAMES_RIGHT,
}
WRONG = {
    "split-name-online": NAMES_WRONG,
}

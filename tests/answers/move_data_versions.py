"""Right and wrong answers to `two-versions-one-table`."""

from __future__ import annotations

from textwrap import indent

from answers.move_data import NOT_RUN, REVISION
from support.samples import right, wrong

COLUMN = 'op.execute("ALTER TABLE carts ADD pieces int")'
COPY = 'op.execute("UPDATE carts SET pieces = quantity")'
HEAD = "CREATE FUNCTION one() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
TAIL = """RETURN NEW; END $$;
    CREATE TRIGGER one BEFORE INSERT OR UPDATE ON carts
    FOR EACH ROW EXECUTE FUNCTION one();"""
INSERTED = """NEW.pieces := coalesce(NEW.pieces, NEW.quantity);
        NEW.quantity := coalesce(NEW.quantity, NEW.pieces);"""
CHANGED = """IF NEW.pieces IS DISTINCT FROM OLD.pieces THEN NEW.quantity := NEW.pieces;
        ELSE NEW.pieces := NEW.quantity; END IF;"""
BOTH = f"""IF TG_OP = 'INSERT' THEN {INSERTED} ELSE {CHANGED} END IF;"""
QUANTITY_FIRST = """IF TG_OP = 'INSERT' THEN
            NEW.quantity := coalesce(NEW.quantity, NEW.pieces); NEW.pieces := NEW.quantity;
        ELSIF NEW.quantity <> OLD.quantity THEN NEW.pieces := NEW.quantity;
        ELSE NEW.quantity := coalesce(NEW.pieces, NEW.quantity); END IF;"""


def _trigger(body: str) -> str:
    return f'op.execute("""{HEAD} {body} {TAIL}""")'


def _function(name: str, body: str, when: str) -> str:
    head = HEAD.replace("one", name)
    create = f"CREATE TRIGGER {name} BEFORE {when} ON carts FOR EACH ROW EXECUTE FUNCTION {name}();"
    return f'op.execute("""{head} {body} RETURN NEW; END $$; {create}""")'


def _shared(body: str) -> str:
    return f"{COLUMN}\n{COPY}\n{_trigger(body)}"


VERSIONS_RIGHT = right(
    REVISION,
    f"""
--- the trigger first, and its work done by a change that changes nothing
    {COLUMN}
    {_trigger(BOTH)}
    op.execute("UPDATE carts SET quantity = quantity")
    op.execute("ALTER TABLE carts ALTER pieces SET NOT NULL")
--- one trigger for each case
    {COLUMN}
    {COPY}
    {_function("inserted", INSERTED, "INSERT")}
    {_function("old_wrote", "NEW.pieces := NEW.quantity;", "UPDATE OF quantity")}
    {_function("new_wrote", "NEW.quantity := NEW.pieces;", "UPDATE OF pieces")}
--- the old name counts first
    {COLUMN}
    {COPY}
    {_trigger(QUANTITY_FIRST)}
""",
)
VERSIONS_WRONG = (
    *wrong(
        REVISION,
        f"""
--- the rename -> the old version reads carts.quantity
    op.alter_column("carts", "quantity", new_column_name="pieces")
--- a new column only -> the new version reads carts.pieces
    {COLUMN}
--- copied once -> when quantity is written, who writes pieces?
    {COLUMN}; {COPY}
--- rows that were there forgotten -> the new version reads carts.pieces
    {COLUMN}
    {_trigger(BOTH)}
--- from old to new only -> when pieces is written, who writes quantity?
    {COLUMN}; {COPY}
    {_trigger("NEW.pieces := NEW.quantity;")}
--- from new to old only -> when quantity is written, who writes pieces?
    {COLUMN}; {COPY}
    {_trigger("NEW.quantity := NEW.pieces;")}
--- only when a row is new -> what the old version updates
    {COLUMN}; {COPY}
    {_trigger(f"IF TG_OP = 'INSERT' THEN {INSERTED} END IF;")}
--- only what is empty is filled -> what the old version updates
    {COLUMN}; {COPY}
    {_trigger(INSERTED)}
--- a trigger that gives nothing back -> what the old version inserts
    {COLUMN}; {COPY}
    {_trigger(BOTH).replace("RETURN NEW", "RETURN NULL")}
--- a generated column -> when pieces is written, who writes quantity?
    op.execute("ALTER TABLE carts ADD pieces int GENERATED ALWAYS AS (quantity) STORED")
--- the old column dropped -> the old version reads carts.quantity
    {COLUMN}; {COPY}; op.drop_column("carts", "quantity")
--- NOT NULL too early -> which value does the new column get
    op.add_column("carts", sa.Column("pieces", sa.Integer(), nullable=False))
--- a default instead of the values -> the new version reads carts.pieces
    op.add_column("carts", sa.Column("pieces", sa.Integer(), server_default="1"))
--- a mistake in the SQL -> find the line that fails
    op.execute("ALTER TABLE cart ADD pieces int")
""",
    ),
    *wrong(
        "{}",
        f"""
--- by hand, and no revision -> revision 0004 follows 0003
from sqlalchemy import text
with exercise.engine.begin() as connection:
    connection.execute(text("ALTER TABLE carts ADD pieces int"))
--- a revision that has not run -> your database also has the column
{NOT_RUN.replace("{}", indent(_shared(BOTH), "    "))}
--- run too early, then fixed -> your database matches your revision
{REVISION.replace("{}", f"    {COLUMN}")}
# %%
{NOT_RUN.replace("{}", indent(_shared(BOTH), "    "))}
""",
    ),
)

RIGHT = {
    "two-versions-one-table": VERSIONS_RIGHT,
}
WRONG = {
    "two-versions-one-table": VERSIONS_WRONG,
}

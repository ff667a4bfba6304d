"""Exercises of lesson 06: the first revision."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sqlalchemy import Engine, text

from tutorial_lib.exercises.answer import Answer
from tutorial_lib.exercises.exercise import Begin, Exercise, Item, NotStarted, Wrong, claim, expect
from tutorial_lib.explorer import changes, snapshot
from tutorial_lib.starts import start_of

RUN = "alembic/versions: open the revision, and find the line that fails"


def _columns(engine: Engine, table: str) -> list[str]:
    """The columns of a table, in alphabetical order: `title: character varying(120), not null`."""
    things = snapshot(engine).things.items()
    found = {
        name.split(".")[1]: about for (kind, name), about in things if _is_in(table, kind, name)
    }
    return [f"{name}: {about.partition(', default')[0]}" for name, about in sorted(found.items())]


def _is_in(table: str, kind: str, name: str) -> bool:
    return kind == "column" and name.startswith(f"{table}.")


def _begun(answer: Answer) -> dict[str, str]:
    """The files with which the exercise began."""
    begin = answer.exercise.begin
    assert begin is not None, "all exercises of this lesson have a project"
    return {**start_of(begin.lesson).files, **begin.files}


def _has(answer: Answer, function: str) -> bool:
    """Whether a new revision has this function, with more in it than a TODO."""
    new = set(answer.files) - set(_begun(answer))
    for name in new:
        try:
            body = ast.parse(answer.files[name]).body
        except SyntaxError:
            return True
        for node in body:
            if isinstance(node, ast.FunctionDef) and node.name == function:
                return [ast.unparse(line) for line in node.body] != ["..."]
    return False


def _draft(answer: Answer) -> Iterator[Item]:
    made = _columns(answer.engine, "books")
    if answer.files == _begun(answer) and not made:
        raise NotStarted
    where = "alembic/versions: which files are there? Delete a draft that you do not want"
    yield expect("there is one revision", len(answer.revisions), 1, where)
    if not answer.revisions:
        return
    told = answer.alembic("upgrade head")
    yield claim("its upgrade runs, in an empty database", not told.error, "no error", told, RUN)
    if told.error:
        return
    where = "the imports in alembic/env.py: has anybody shown it the class Book?"
    if made:
        where = "the database: books was there when Alembic compared, so it found nothing to do"
    wanted = ["id: integer, not null", "title: character varying(120), not null", "year: integer"]
    got = _columns(answer.scratch_engine, "books")
    yield expect("it makes the table books as models.py describes it", got, wanted, where)


def _kept(engine: Engine, column: str) -> str:
    """How many users still have their name; it was noted as the password, for this check."""
    with engine.connect() as connection:
        good = connection.scalar(text(f"SELECT sum((password = md5({column}))::int) FROM users"))  # noqa: S608
    return f"{good or 0} of 3"


def _users(column: str) -> list[str]:
    rest = ["email: character varying(255), not null", "id: integer, not null"]
    text_column = "character varying({}), not null"
    return sorted(
        [*rest, f"{column}: {text_column.format(50)}", f"password: {text_column.format(255)}"]
    )


def _renamed(answer: Answer) -> Iterator[Item]:
    if not _has(answer, "upgrade"):
        raise NotStarted
    for step, commands, column in (
        ("upgrade", ("upgrade head",), "full_name"),
        ("downgrade", ("upgrade head", "downgrade 0001"), "name"),
    ):
        told = answer.alembic(*commands)
        where = f"def {step}: what will stand in the column, in the three rows that there are?"
        yield claim(f"the {step} runs, with three users", not told.error, "no error", told, where)
        if told.error:
            return
        got, wanted = _columns(answer.scratch_engine, "users"), _users(column)
        where = f"def {step}: which columns does it leave, and may they be empty?"
        yield expect(f"after the {step}, the column is called {column}", got, wanted, where)
        if got != wanted:
            return
        where = f"def {step}: a column that is dropped takes its values with it"
        kept = _kept(answer.scratch_engine, column)
        yield expect(f"the {step} keeps all names", kept, "3 of 3", where)


def _back(answer: Answer) -> Iterator[Item]:
    if not _has(answer, "downgrade"):
        raise NotStarted
    engine = answer.scratch()
    before, users = snapshot(engine), _rows(engine)
    told = answer.alembic("upgrade head", "downgrade 0001")
    yield claim("upgrade and downgrade run", not told.error, "no error", told, RUN)
    if told.error:
        return
    after = changes(before, snapshot(answer.scratch_engine)).all
    left = [f"{one.kind} {one.name}" for one in after if one.what == "added"]
    gone = [f"{one.kind} {one.name}" for one in after if one.what != "added"]
    where = "def upgrade: what does each of its lines make in the database? Not only tables"
    yield expect("after the downgrade, nothing is left over", left, [], where)
    yield expect("nothing is missing or changed", gone, [], "def downgrade: is it the opposite?")
    if not gone:
        yield expect("the users are the same", _rows(answer.scratch_engine), users, "def downgrade")
    if left or gone:
        return
    told = answer.alembic("upgrade head")
    got = _columns(answer.scratch_engine, "tickets") + _columns(answer.scratch_engine, "users")[-1:]
    wanted = ["id: integer, not null", "state: ticket_state, not null", "tickets_left: integer"]
    yield expect("the upgrade is as it was given", got, wanted, "def upgrade: begin again")


def _rows(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return [str(row) for row in connection.execute(text("SELECT * FROM users ORDER BY id"))]


MODELS = """from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db import Base


"""
BOOK = """class Book(Base):
    __tablename__ = "books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120))
    year: Mapped[int | None]
"""
USER = """class User(Base):
    __tablename__ = "users"
    __table_args__ = (Index("uq_users_email_lower", text("lower(email)"), unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    full_name: Mapped[str] = mapped_column(String(50))
    email: Mapped[str] = mapped_column(String(255))
    password: Mapped[str] = mapped_column(String(255))
"""
# The user whose name nobody can foresee is for those who write the names into the revision.
THREE = """
INSERT INTO users (name, email, password)
SELECT name, number || '@example.com', md5(name) FROM (
    VALUES (1, 'Ann Lee'), (2, 'Ben'), (3, 'Eve ' || left(md5(random()::text), 6))
) AS people (number, name) ORDER BY number
"""
TWO = """
INSERT INTO users (name, email, password)
VALUES ('Ann Lee', 'ann@example.com', '-'), ('Ben', 'ben@example.com', '-')
"""
HEAD = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

"""
IMPORT = """
from pathlib import Path
env = Path("alembic/env.py")
env.write_text("import models\\n" + env.read_text())
"""
AUTO = '%alembic revision --autogenerate -m "create books" --rev-id '
NO_DRAFTS = f"""
== the model is not registered | as models.py describes it
{AUTO}0001
== the empty draft is still there | there is one revision
{AUTO}0001
# %%{IMPORT}{AUTO}0002
== without autogenerate | as models.py describes it
{IMPORT}%alembic revision -m "create books" --rev-id 0001
== the table was made first | as models.py describes it
{IMPORT}
import models
models.Base.metadata.create_all(exercise.engine)
{AUTO}0001
== a table and no revision | there is one revision
import models
models.Base.metadata.create_all(exercise.engine)
== an env.py and no revision | there is one revision
{IMPORT}
== the import in the wrong file | as models.py describes it
db = Path("requirements.txt")
db.write_text("import models")
{AUTO}0001
"""
ADD = 'op.add_column("users", sa.Column("full_name", sa.String(50){}))'
DROP = 'op.drop_column("users", "name")'
THERE = 'op.alter_column("users", "name", new_column_name="full_name")'
BACK = 'op.alter_column("users", "full_name", new_column_name="name")'
COPY = 'op.execute("UPDATE users SET full_name = name")'
NO_NAMES = f"""
== the draft as it is | the upgrade runs
    {ADD.format(", nullable=False")}
    {DROP}
== a default for a new column | the upgrade keeps all names
    {ADD.format(', nullable=False, server_default=""')}
    {DROP}
== a new column that may be empty | the column is called full_name
    {ADD.format("")}
    {DROP}
== copied too late | the upgrade runs
    {ADD.format("")}
    {DROP}
    {COPY}
== copied, and the old one kept | the column is called full_name
    {ADD.format("")}
    {COPY}
== copied, and still allowed to be empty | the column is called full_name
    {ADD.format("")}
    {COPY}
    {DROP}
== the names the wrong way round | the upgrade runs
    {BACK}
== nothing | the column is called full_name
    pass
== the names that are known | the upgrade keeps all names
    {ADD.format(', nullable=False, server_default="Ben"')}
    op.execute("UPDATE users SET full_name = 'Ann Lee' WHERE id = 1")
    {DROP}
"""
NO_WAY_BACK = f"""
== the draft's downgrade | the downgrade runs
    op.add_column("users", sa.Column("name", sa.String(50), nullable=False))
    op.drop_column("users", "full_name")
== the same once more | the downgrade runs
    {THERE}
== a default for the old name | the downgrade keeps all names
    op.add_column("users", sa.Column("name", sa.String(50), nullable=False, server_default=""))
    op.drop_column("users", "full_name")
== no way back | the column is called name
    pass
"""
UPGRADE = """
def upgrade():
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("state", sa.Enum("open", "closed", name="ticket_state"), nullable=False),
    )
    op.add_column("users", sa.Column("tickets_left", sa.Integer(), nullable=True))

"""
TICKETS = 'op.drop_table("tickets")\n    op.drop_column("users", "tickets_left")'
TYPE = 'op.execute("DROP TYPE ticket_state")'
LEFT_OVER = f"""
== what autogenerate writes | nothing is left over
    {TICKETS}
== the type only after its table | upgrade and downgrade run
    {TYPE}
    {TICKETS}
== the table only | nothing is left over
    op.drop_table("tickets")
    {TYPE}
== nothing | nothing is left over
    pass
== a column too many | nothing is missing or changed
    {TICKETS}
    {TYPE}
    op.drop_column("users", "password")
== the users as well | the check can look
    {TICKETS}
    {TYPE}
    op.drop_table("users")
== users made anew | nothing is missing or changed
    {TICKETS}
    {TYPE}
    op.execute("DELETE FROM users")
== it fails when it runs again, so it says | upgrade and downgrade run
    raise NotImplementedError("there is no way back")
"""


def _revision(up: str, down: str, upgrade: str = "def upgrade():\n") -> str:
    """A cell that writes revision 0002."""
    return (
        f"%%writefile alembic/versions/0002_new.py\n{HEAD}{upgrade}{up}\ndef downgrade():\n{down}\n"
    )


def _wrong(frame: str, answers: str) -> Iterator[Wrong]:
    """The wrong answers of such a text, each put into a frame in the place of `{}`."""
    for answer in answers.split("\n== ")[1:]:
        title, _, code = answer.partition("\n")
        name, _, says = title.partition(" | ")
        yield Wrong(name, frame.replace("{}", code), says)


EXERCISES = (
    Exercise(
        "06.1",
        "A draft that is not empty",
        _draft,
        begin=Begin("06", files={"models.py": MODELS + BOOK}),
        hints=(
            "Which models does Alembic know, when it compares?",
            "A table is known after the module with its class was imported. See alembic/env.py.",
            'Put "import models" into alembic/env.py, then run %alembic revision --autogenerate. '
            "Delete drafts from before.",
        ),
        why="Alembic compares the tables that were registered on `Base` with the tables in the "
        "database. Importing `models` registers `books`, so the draft has something to make.",
        right=(
            f"""
from pathlib import Path
env = Path("alembic/env.py")
text = env.read_text().replace("target_metadata = Base.metadata", "")
env.write_text(text.replace("def get_url", "from models import Book\ntarget_metadata = Book.metadata\n\ndef get_url"))
%alembic revision --autogenerate
""",
            f"""
%%writefile alembic/versions/books.py
from alembic import op
revision, down_revision = "b00c", None
revision = "b00c"
down_revision = None
def upgrade():
    op.execute("CREATE TABLE books (year int, title varchar(120) NOT NULL, id serial PRIMARY KEY)")
def downgrade():
    op.drop_table("books")
""".lstrip(),
        ),
        wrong=tuple(_wrong("{}", NO_DRAFTS)),
    ),
    Exercise(
        "06.2",
        "A new name, the old values",
        _renamed,
        begin=Begin("08", THREE, {"models.py": MODELS + USER}),
        points=2,
        hints=(
            "What happens to the values in a column when it is dropped?",
            "Alembic cannot see that a column has a new name. `op.alter_column` can give it one.",
            'op.alter_column("users", "name", new_column_name="full_name"); back: swap the names.',
        ),
        why="To Alembic, a renamed column is one that is gone and one that is new. The draft would "
        "drop the values with the old column. A rename keeps them, and so does its opposite.",
        right=(
            _revision(
                '    op.execute("ALTER TABLE users RENAME name TO full_name")\n',
                '    op.execute("ALTER TABLE users RENAME full_name TO name")\n',
            ),
            _revision(
                f"""    {ADD.format("")}
    {COPY}
    op.alter_column("users", "full_name", nullable=False)
    {DROP}
""",
                f"    {BACK}\n",
            ),
        ),
        wrong=(
            *_wrong(_revision("{}", f"    {BACK}\n"), NO_NAMES),
            *_wrong(_revision(f"    {THERE}\n", "{}"), NO_WAY_BACK),
        ),
    ),
    Exercise(
        "06.3",
        "All the way back",
        _back,
        begin=Begin("08", TWO),
        points=2,
        hints=(
            "What is in the database after the upgrade that was not there before?",
            "PostgreSQL keeps an enum as a type of its own. Dropping the table does not drop it.",
            'Drop the column, then the table, then op.execute("DROP TYPE ticket_state").',
        ),
        why="An `Enum` in `create_table` makes a type as well, without a line of its own. "
        "`drop_table` leaves it behind, and the next upgrade fails: the type is there already.",
        right=(
            _revision(
                "",
                """    op.drop_table("tickets")
    sa.Enum(name="ticket_state").drop(op.get_bind())
    op.drop_column("users", "tickets_left")
""",
                UPGRADE,
            ),
            _revision(
                "",
                """    op.execute("DROP TYPE ticket_state CASCADE")
    op.execute("DROP TABLE tickets; ALTER TABLE users DROP tickets_left")
""",
                UPGRADE,
            ),
        ),
        wrong=tuple(_wrong(_revision("", "{}", UPGRADE), LEFT_OVER)),
    ),
)

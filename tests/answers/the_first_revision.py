"""Right and wrong answers for the checks of a lesson."""

from __future__ import annotations

from support.samples import Wrong, revision, wrong

IMPORT = """
from pathlib import Path
env = Path("alembic/env.py")
env.write_text("import models\\n" + env.read_text())
"""
AUTO = '%alembic revision --autogenerate -m "create books" --rev-id '
NO_DRAFTS = f"""
--- the model is not registered -> as models.py describes it
{AUTO}0001
--- the empty draft has run -> there is one revision
{AUTO}0001
%alembic upgrade head{IMPORT}{AUTO}0002
--- without autogenerate -> as models.py describes it
{IMPORT}%alembic revision -m "create books" --rev-id 0001
--- the table was made first -> as models.py describes it
{IMPORT}import models
models.Base.metadata.create_all(exercise.engine)
{AUTO}0001
--- an env.py and no revision -> there is one revision
{IMPORT}
--- the empty draft was kept -> A draft that was written before stays empty
{AUTO}0001{IMPORT}{AUTO}0002
--- the import at the end -> as models.py describes it
from pathlib import Path
env = Path("alembic/env.py")
env.write_text(env.read_text() + "import models")
{AUTO}0001
"""
ADD = 'op.add_column("users", sa.Column("full_name", sa.String(50){}))'
DEFAULT = """, nullable=False, server_default='Ben'"""
DROP = 'op.drop_column("users", "name")'
THERE = 'op.alter_column("users", "name", new_column_name="full_name")'
BACK = 'op.alter_column("users", "full_name", new_column_name="name")'
COPY = 'op.execute("UPDATE users SET full_name = name")'
NO_NAMES = f"""
--- the draft as it is -> the upgrade runs
    {ADD.format(", nullable=False")}; {DROP}
--- a default for a new column -> the upgrade keeps all names
    {ADD.format(DEFAULT)}; {DROP}
--- a new column that may be empty -> the column is called full_name
    {ADD.format("")}; {DROP}
--- copied too late -> the upgrade runs
    {ADD.format("")}; {DROP}; {COPY}
--- copied, and the old one kept -> the column is called full_name
    {ADD.format("")}; {COPY}
--- copied, and still allowed to be empty -> the column is called full_name
    {ADD.format("")}; {COPY}; {DROP}
--- the names the wrong way round -> the upgrade runs
    {BACK}
--- nothing -> the column is called full_name
    pass
--- a command that there is not -> find the line that fails
    op.rename_column("users", "name", "full_name")
--- one name that is known -> the upgrade keeps all names
    {ADD.format(DEFAULT)}; {DROP}
    op.execute("UPDATE users SET full_name = 'Ann Lee' WHERE id = 1")
"""
LOST = 'op.drop_column("users", "full_name"); op.add_column("users", sa.Column("name", {}))'
NO_WAY_BACK = f"""
--- the draft's downgrade -> the downgrade runs
    {LOST.format("sa.String(50), nullable=False")}
--- a default for the old name -> the downgrade keeps all names
    {LOST.format("sa.String(50)" + DEFAULT)}
--- no way back -> the column is called name
    pass
"""
TICKETS = 'op.drop_table("tickets"); op.drop_column("users", "tickets_left")'
TYPE = 'op.execute("DROP TYPE ticket_state")'
LEFT_OVER = f"""
--- what autogenerate writes -> nothing is left over
    {TICKETS}
--- the type before its table -> upgrade and downgrade run
    {TYPE}; {TICKETS}
--- the table and the type only -> nothing is left over
    op.drop_table("tickets"); {TYPE}
--- nothing -> nothing is left over
    pass
--- a column too many -> nothing is missing or changed
    {TICKETS}; {TYPE}; op.drop_column("users", "password")
--- the users as well -> nothing is missing or changed
    {TICKETS}; {TYPE}; op.drop_table("users")
--- the users' rows as well -> nothing is missing or changed
    {TICKETS}; {TYPE}; op.execute("DELETE FROM users")
--- a user is changed -> the users are the same
    {TICKETS}; {TYPE}; op.execute("UPDATE users SET name = 'Ann' WHERE id = 1")
--- no way back -> upgrade and downgrade run
    raise NotImplementedError("there is no way back")
"""


UPGRADE = """
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("state", sa.Enum("open", "closed", name="ticket_state"), nullable=False),
    )
    op.add_column("users", sa.Column("tickets_left", sa.Integer(), nullable=True))
"""


def _revision(up: str, down: str) -> str:
    """Return a cell that writes revision 0002."""
    return revision("0002", up, down, name="full_name")


DRAFT_RIGHT = (
    """
from pathlib import Path
env = Path("alembic/env.py")
source = env.read_text().replace("target_metadata = Base.metadata", "")
register = "from models import Book\\ntarget_metadata = Book.metadata\\n"
env.write_text(source.replace("def get_url", register + "def get_url"))
%alembic revision --autogenerate
""",
    """%%writefile alembic/versions/books.py
from alembic import op
revision = "b00c"
down_revision = None
def upgrade():
    op.execute("CREATE TABLE books (year int, title varchar(120) NOT NULL, id serial PRIMARY KEY)")
""",
)

RENAME_RIGHT = (
    _revision(
        '    op.execute("ALTER TABLE users RENAME name TO full_name")',
        '    op.execute("ALTER TABLE users RENAME full_name TO name")',
    ),
    _revision(
        f"""    {ADD.format("")}; {COPY}
    op.alter_column("users", "full_name", nullable=False); {DROP}""",
        f"    {BACK}",
    ),
)

BACK_RIGHT = (
    _revision(
        UPGRADE,
        """    op.drop_table("tickets")
    sa.Enum(name="ticket_state").drop(op.get_bind())
    op.drop_column("users", "tickets_left")""",
    ),
    _revision(
        UPGRADE,
        """    op.execute("DROP TYPE ticket_state CASCADE")
    op.execute("DROP TABLE tickets; ALTER TABLE users DROP tickets_left")""",
    ),
)

DRAFT_WRONG = wrong("{}", NO_DRAFTS)

RENAME_WRONG = (
    *wrong(_revision("{}", f"    {BACK}"), NO_NAMES),
    *wrong(_revision(f"    {THERE}", "{}"), NO_WAY_BACK),
)

# Upgrades at the second call only, so that the first downgrade has nothing to undo.
SECOND_CALL = f"""
    from pathlib import Path
    called = Path(__file__).with_suffix(".called")
    if not called.exists():
        return called.touch()
{UPGRADE.strip(chr(10))}
"""
BACK_WRONG = (
    *wrong(_revision(UPGRADE, "{}"), LEFT_OVER),
    Wrong("an upgrade that waits", _revision(SECOND_CALL, "pass"), "has changed something"),
)

RIGHT = {
    "non-empty-draft": DRAFT_RIGHT,
    "rename-keeps-values": RENAME_RIGHT,
    "enum-downgrade": BACK_RIGHT,
}
WRONG = {
    "non-empty-draft": DRAFT_WRONG,
    "rename-keeps-values": RENAME_WRONG,
    "enum-downgrade": BACK_WRONG,
}

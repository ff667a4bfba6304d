"""Right and wrong answers to `enum-downgrade`."""

from __future__ import annotations

from answers.the_first_revision import EARLIER, revision_file
from support.samples import Wrong, wrong

TICKETS = 'op.drop_table("tickets"); op.drop_column("users", "tickets_left")'

TYPE = 'op.execute("DROP TYPE ticket_state")'

LEFT_OVER = f"""
--- what autogenerate writes -> nothing is left over
    {TICKETS}
--- the type before its table -> what depends on what
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
--- no downgrade -> the downgrade runs
    raise NotImplementedError("there is no downgrade")
--- K4 the error is swallowed -> the downgrade runs
    try:
        {TYPE}
    except Exception:
        pass
    {TICKETS}
--- a type of another name, if it is there -> type ticket_state
    {TICKETS}; op.execute("DROP TYPE IF EXISTS ticket_states")
--- K8 all in one -> nothing is missing or changed
    op.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    op.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
    op.execute("INSERT INTO alembic_version VALUES ('0002')")
--- K8 users who have tickets -> nothing is missing or changed
    op.execute("DELETE FROM users WHERE tickets_left > 0"); {TICKETS}; {TYPE}
--- only while there are no tickets -> even when there are tickets
    assert not op.get_bind().execute(sa.text("SELECT FROM tickets")).all()
    {TICKETS}; {TYPE}
--- only while no ticket is closed -> even when there are tickets
    assert not op.get_bind().execute(sa.text("SELECT FROM tickets WHERE state = 'closed'")).all()
    {TICKETS}; {TYPE}
--- every enum is dropped -> nothing is missing or changed
    {TICKETS}
    for enum in sa.inspect(op.get_bind()).get_enums():
        op.execute(f"DROP TYPE {{enum['name']}} CASCADE")
--- a copy is kept -> it must not create or set anything
    op.execute("CREATE TABLE old_tickets AS SELECT id FROM tickets"); {TICKETS}; {TYPE}
--- another name instead -> it must not create or set anything
    op.rename_table("tickets", "old_tickets"); op.drop_column("users", "tickets_left")
--- K6 the next id is the first again -> the sequence users_id_seq must continue
    {TICKETS}; {TYPE}; op.execute("ALTER SEQUENCE users_id_seq RESTART")
--- K14 a comment -> it must not create or set anything
    {TICKETS}; {TYPE}; op.execute("COMMENT ON TABLE users IS 'had tickets'")
--- K14 row security -> it must not create or set anything
    {TICKETS}; {TYPE}; op.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY")
--- K11 a copy in another schema -> schema saved
    op.execute("CREATE SCHEMA saved; CREATE TABLE saved.users AS TABLE users"); {TICKETS}; {TYPE}
"""

UPGRADE = """
    op.create_table(
        "tickets",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("state", sa.Enum("open", "closed", name="ticket_state"), nullable=False),
    )
    op.add_column("users", sa.Column("tickets_left", sa.Integer(), nullable=True))
"""

ENUM = 'sa.Enum("open", "closed", name="ticket_state")'


BACK_RIGHT = (
    revision_file(
        UPGRADE,
        """    op.drop_table("tickets")
    sa.Enum(name="ticket_state").drop(op.get_bind())
    op.drop_column("users", "tickets_left")""",
    ),
    revision_file(
        UPGRADE,
        """    op.execute("DROP TYPE ticket_state CASCADE")
    op.execute("DROP TABLE tickets; ALTER TABLE users DROP tickets_left")""",
    ),
    revision_file(
        UPGRADE,
        """    from sqlalchemy.dialects import postgresql
    op.execute("DROP TABLE IF EXISTS tickets CASCADE")
    postgresql.ENUM(name="ticket_state").drop(op.get_bind(), checkfirst=True)
    with op.batch_alter_table("users") as batch:
        batch.drop_column("tickets_left")""",
    ),
    revision_file(
        UPGRADE,
        """    for step in ("TABLE tickets", "TYPE IF EXISTS ticket_state"):
        op.execute(sa.text(f"DROP {step}"))
    op.execute(sa.text("ALTER TABLE users DROP COLUMN IF EXISTS tickets_left"))""",
    ),
    revision_file(
        UPGRADE,
        f"    import time; time.sleep(2)\n    {TICKETS}; {TYPE}",
    )
    + """
# %%
%alembic upgrade head
%alembic downgrade -1
""",
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
    *wrong(revision_file(UPGRADE, "{}"), LEFT_OVER),
    Wrong("an upgrade that waits", revision_file(SECOND_CALL, "pass"), "has changed something"),
    Wrong(
        "K10 the revision before is changed",
        revision_file(UPGRADE, f"    {TICKETS}; {TYPE}") + EARLIER,
        "have run are as they were",
    ),
    Wrong(
        "no enum, so nothing is left",
        revision_file(UPGRADE.replace(ENUM, "sa.String(9)"), f"    {TICKETS}"),
        "the upgrade is unchanged",
    ),
    Wrong(
        "K15 the model is thrown away",
        revision_file(UPGRADE, f"    {TICKETS}; {TYPE}")
        + """
# %%
from pathlib import Path
file = Path("models.py")
file.write_text(file.read_text().partition("class Ticket")[0])
""",
        "models.py and the database agree",
    ),
)

RIGHT = {"enum-downgrade": BACK_RIGHT}
WRONG = {"enum-downgrade": BACK_WRONG}

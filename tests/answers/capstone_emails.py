"""Right and wrong answers to `one-account-per-email`."""

from __future__ import annotations

from support.samples import revision, wrong

BETWEEN = "# %%\n"
CHANGED = """
from pathlib import Path
models = Path("models.py")
source = models.read_text()
"""
MODELS = """
source = source.replace(', unique=True', '').replace('''__tablename__ = "users"
''', '''__tablename__ = "users"
    __table_args__ = ({},)
''')
models.write_text(source)
"""
WITH_KEY = """
source = source.replace(', unique=True', '').replace("Index, Numeric", "Index, Numeric, Computed")
key = '''id: Mapped[int] = mapped_column(primary_key=True)
    email_key: Mapped[{}] = mapped_column(String(255), {}unique=True)'''
models.write_text(source.replace("id: Mapped[int] = mapped_column(primary_key=True)", key, 1))
"""
LOWER = 'Index("uq_users_email_lower", text("lower(email)"), unique=True)'
LOWERED = CHANGED + MODELS.format(LOWER)
LOCK = 'op.execute("LOCK TABLE users, orders, carts IN SHARE ROW EXCLUSIVE MODE")'
LOCK_GOODS = LOCK.replace("users, ", "")
LOCK_ALL = 'op.execute("LOCK TABLE orders, carts, users IN ACCESS EXCLUSIVE MODE")'
DOUBLES = """op.execute('''CREATE TEMPORARY TABLE doubles AS SELECT * FROM (
    SELECT id, min(id) OVER (PARTITION BY lower(email)) AS stays FROM users) AS u
    WHERE id > stays''')"""
ORDERS = 'op.execute("UPDATE orders SET user_id = stays FROM doubles d WHERE user_id = d.id")'
CARTS = """op.execute('''INSERT INTO carts (user_id, product, quantity)
    SELECT stays, product, sum(quantity) FROM carts JOIN doubles d ON user_id = d.id
    GROUP BY 1, 2
    ON CONFLICT (user_id, product)
    DO UPDATE SET quantity = carts.quantity + excluded.quantity''')"""
GO = 'op.execute("DELETE FROM users USING doubles d WHERE users.id = d.id; DROP TABLE doubles")'
INDEX = 'op.create_index("uq_users_email_lower", "users", [sa.text("lower(email)")], unique=True{})'
GIVEN = 'op.drop_constraint("uq_users_email", "users", type_="unique")'
UNIQUE = INDEX.format("")
SAFELY = f"""with op.get_context().autocommit_block():
    {INDEX.format(", postgresql_concurrently=True")}
{GIVEN}"""
TRIGGER = """op.execute('''CREATE FUNCTION letters() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN {} RETURN NEW; END $$;
    CREATE TRIGGER letters BEFORE INSERT OR UPDATE OF email ON users
    FOR EACH ROW EXECUTE FUNCTION letters()''')"""
LOOK = """IF EXISTS (SELECT FROM users u WHERE lower(u.email) = lower(NEW.email) AND u.id <> NEW.id)
        THEN RAISE unique_violation; END IF;"""
REFUSE = f"PERFORM pg_advisory_xact_lock(hashtext(lower(NEW.email))); {LOOK}"
LET_GO = 'op.execute("DROP TRIGGER letters ON users; DROP FUNCTION letters")'
OLDEST = """op.execute('''DO $$ DECLARE r record; BEGIN
    FOR r IN SELECT DISTINCT ON (lower(email)) id, email FROM users ORDER BY lower(email), id LOOP
        BEGIN
            UPDATE users SET email_key = lower(email) WHERE id = r.id;
        EXCEPTION WHEN unique_violation THEN
            UPDATE users SET email_key = NULL WHERE email_key = lower(r.email) AND id > r.id;
            UPDATE users SET email_key = lower(email) WHERE id = r.id;
        END;
    END LOOP; END $$''')"""
BY_KEY = """op.execute('''CREATE TEMPORARY TABLE doubles AS SELECT u.id, o.id AS stays
    FROM users u JOIN users o ON o.email_key = lower(u.email) WHERE u.email_key IS NULL''')"""
IN_PYTHON = """
bind = op.get_bind()
users = sa.table("users", sa.column("id"), sa.column("email"))
orders = sa.table("orders", sa.column("user_id"))
carts = sa.table("carts", *map(sa.column, ("user_id", "product", "quantity")))
bind.execute(sa.text("LOCK TABLE users, orders, carts IN SHARE ROW EXCLUSIVE MODE"))
oldest = {}
for id, email in bind.execute(sa.select(users.c.id, users.c.email).order_by(users.c.id)).all():
    stays = oldest.setdefault(email.lower(), id)
    if stays == id:
        continue
    bind.execute(orders.update().where(orders.c.user_id == id).values(user_id=stays))
    for _, product, more in bind.execute(sa.select(carts).where(carts.c.user_id == id)).all():
        there = (carts.c.user_id == stays) & (carts.c.product == product)
        done = bind.execute(carts.update().where(there).values(quantity=carts.c.quantity + more))
        if not done.rowcount:
            bind.execute(carts.insert().values(user_id=stays, product=product, quantity=more))
    bind.execute(users.delete().where(users.c.id == id))
"""
ALIKE = """op.execute('''CREATE TEMPORARY TABLE doubles AS SELECT * FROM (
    SELECT u.id, min(o.id) AS stays FROM users u JOIN users o ON u.email ILIKE o.email ESCAPE ''
    GROUP BY 1) AS u WHERE id > stays''')"""
CAPITALS = "JOIN users w USING (id) WHERE id > stays AND w.email = upper(w.email)"
MERGE = f"{ORDERS}\n{CARTS}\n{GO}"
GUARDED = f"{LOCK}\n{DOUBLES}"
WHOLE = f"{GUARDED}\n{MERGE}\n{UNIQUE}"


def _all(model: str, *revisions: str) -> str:
    """Return an answer: a model, and revisions one after the other."""
    return BETWEEN.join([model, *(revision(f"{5 + n:04}", up) for n, up in enumerate(revisions))])


def _otherwise(old: str, new: str, steps: str = WHOLE) -> str:
    """Return an answer in two revisions, with one thing changed."""
    assert old in steps, old
    return _all(LOWERED, steps.replace(old, new), GIVEN)


EMAILS_RIGHT = (
    # In Python, row by row.
    _all(LOWERED, f"{IN_PYTHON}\n{UNIQUE}", GIVEN),
    # A trigger writes lower case; the constraint is the old one.
    _all(
        "",
        f"{GUARDED}\n{MERGE}\n{TRIGGER.format('NEW.email := lower(NEW.email);')}\n"
        'op.execute("UPDATE users SET email = lower(email) WHERE email <> lower(email)")',
    ),
    # First a trigger that refuses new duplicates, so no one who registers is locked out.
    _all(
        LOWERED,
        TRIGGER.format(REFUSE),
        f"{LOCK_GOODS}\n{DOUBLES}\n{MERGE}",
        f"{SAFELY}\n{LET_GO}",
    ),
    # A generated column.
    _all(
        CHANGED + WITH_KEY.format("str | None", 'Computed("lower(email)", persisted=True), '),
        f"{LOCK_ALL}\n{DOUBLES}\n{MERGE}\n{GIVEN}\n"
        'op.add_column("users", sa.Column("email_key", sa.String(255), '
        'sa.Computed("lower(email)", persisted=True)))\n'
        'op.create_unique_constraint("uq_users_email_key", "users", ["email_key"])',
    ),
    # A unique column that a trigger fills, NULL for the accounts still to be merged.
    _all(
        CHANGED + WITH_KEY.format("str", ""),
        'op.add_column("users", sa.Column("email_key", sa.String(255)))\n'
        'op.create_unique_constraint("uq_users_email_key", "users", ["email_key"])\n'
        + TRIGGER.format("NEW.email_key := lower(NEW.email);"),
        OLDEST,
        f"{LOCK_GOODS}\n{BY_KEY}\n{MERGE}",
        f'op.alter_column("users", "email_key", nullable=False)\n{GIVEN}',
    ),
)
EMAILS_WRONG = wrong(
    "{}",
    f"""
--- the index first -> between your clean-up and your index
{_all(LOWERED, UNIQUE, f"{GUARDED}{chr(10)}{MERGE}", GIVEN)}
--- nobody is kept out meanwhile -> between your clean-up and the DELETE
{_otherwise(LOCK, "")}
--- people go on ordering with accounts that go -> between your clean-up and the DELETE
{_otherwise("users, orders, carts", "users")}
--- people go on filling carts that go -> lays into its cart meanwhile is not lost
{_otherwise("users, orders, carts", "users, orders")}
--- a stronger lock at the end -> the order of your locks
{_all(LOWERED, WHOLE + chr(10) + GIVEN)}
--- an account goes, its orders are still there -> violates foreign key constraint
{_otherwise(ORDERS, "")}
--- the orders go as well -> nothing of the orders is lost
{_otherwise(ORDERS, "op.execute('DELETE FROM orders USING doubles d WHERE user_id = d.id')")}
--- the carts are forgotten -> nothing of the carts is lost
{_otherwise(CARTS, "")}
--- what is in both carts stays behind -> nothing of the carts is lost
{_otherwise("UPDATE SET quantity = carts.quantity + excluded.quantity", "NOTHING")}
--- the larger of both quantities -> nothing of the carts is lost
{_otherwise("carts.quantity + excluded.quantity", "greatest(carts.quantity, excluded.quantity)")}
--- the carts change hands as they are -> duplicate key value
{_otherwise(CARTS, ORDERS.replace("orders", "carts"))}
--- the newest account stays -> the oldest account is left
{_all(LOWERED, WHOLE.replace("min(id)", "max(id)").replace("id > stays", "id < stays"), GIVEN)}
--- the index is built when the lock has gone -> between your clean-up and your index
{_all(LOWERED, f"{GUARDED}{chr(10)}{MERGE}", SAFELY)}
--- cleaned up, and open again -> no e-mail has two accounts
{_all("", f"{GUARDED}{chr(10)}{MERGE}")}
--- an index that is not unique -> no e-mail has two accounts
{_otherwise("unique=True", "unique=False")}
--- no capitals allowed -> the shop's sessions get no error
{
        _all(
            "",
            f'''{LOCK_ALL}
{DOUBLES}
{MERGE}
op.execute("UPDATE users SET email = lower(email)")
op.create_check_constraint("small", "users", "email = lower(email)")''',
        )
    }
--- a trigger that only looks -> of two who register at the same moment
{_all("", f"{GUARDED}{chr(10)}{MERGE}{chr(10)}{TRIGGER.format(LOOK)}")}
--- other e-mails for the second accounts -> nothing of the orders is lost
{
        _all(
            LOWERED,
            f'''{GUARDED}
op.execute("UPDATE users u SET email = u.id || email FROM doubles d WHERE d.id = u.id")
op.execute("DROP TABLE doubles")
{UNIQUE}''',
            GIVEN,
        )
    }
--- e-mails taken for patterns -> of each customer, the oldest account
{_otherwise(DOUBLES, ALIKE)}
--- only those in capitals -> between your clean-up and your index
{_otherwise("WHERE id > stays", CAPITALS)}
--- the index is not in the model -> models and database are alike
{_all("", WHOLE, GIVEN)}
--- other accounts are touched -> of each customer, the oldest account
{_all(LOWERED, WHOLE + chr(10) + 'op.execute("UPDATE users SET name = trim(name)")', GIVEN)}
--- only the model -> new revisions follow 0004
{LOWERED}
""",
)

RIGHT = {
    "one-account-per-email": EMAILS_RIGHT,
}
WRONG = {
    "one-account-per-email": EMAILS_WRONG,
}

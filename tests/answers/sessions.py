"""Answers to the exercises of a lesson: right ones, and the wrong ones people give."""

from __future__ import annotations

from support.samples import right, wrong

IMPORTS = """from contextlib import ExitStack, closing, contextmanager
from sqlalchemy import create_engine, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker

"""
SAVE_USER = f"""{IMPORTS}ADD = text("INSERT INTO users (name) VALUES (:name)")

class Base(DeclarativeBase):
    pass

class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]

def save_user(engine, name):
"""
SAVE_USER_RIGHT = right(
    SAVE_USER,
    """
--- the session commits at the end of a block
with sessionmaker(engine).begin() as session:
    session.add(User(name=name))
--- a connection, and no session
with engine.begin() as connection:
    connection.execute(ADD, {"name": name})
--- commit in the middle, and closed by hand
session = Session(bind=engine, autoflush=False)
try:
    session.add(User(name=name))
    session.commit()
    session.scalar(text("SELECT 1"))
finally:
    session.close()
--- the driver's own connection
with closing(engine.raw_connection()) as raw:
    with raw.cursor() as cursor:
        cursor.execute("INSERT INTO users (name) VALUES (%s)", (name,))
    raw.commit()
--- autocommit
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    connection.execute(ADD, {"name": name})
--- COMMIT as a statement
with Session(engine) as session:
    session.execute(ADD, {"name": name})
    session.execute(text("COMMIT"))
--- pandas
import pandas
pandas.DataFrame({"name": [name]}).to_sql("users", engine, if_exists="append", index=False)
--- psycopg 3, and an engine that is disposed
own = create_engine(engine.url.set(drivername="postgresql+psycopg"))
try:
    with own.begin() as connection:
        connection.execute(ADD, {"name": name})
finally:
    own.dispose()
--- one transaction in another
with Session(engine) as session, session.begin(), session.begin_nested():
    session.add(User(name=name))
--- a setting and a lock that end with the transaction
with engine.begin() as connection:
    connection.execute(text("SET LOCAL lock_timeout = '5s'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(42)"))
    connection.execute(ADD, {"name": name})
--- an error that is logged and raised again
with Session(engine) as session:
    try:
        session.execute(ADD, {"name": name})
        session.commit()
    except Exception as error:
        print(error)
        raise
""",
)
SAVE_USER_WRONG = wrong(
    SAVE_USER,
    """
--- as it was -> Nothing was committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
--- a flush is no commit -> (A flush isn't a commit.)
with Session(engine) as session:
    session.add(User(name=name))
    session.flush()
--- commit without parentheses -> Nothing was committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
    session.commit
--- the commit comes too early -> Nothing was committed
with Session(engine) as session:
    session.commit()
    session.execute(ADD, {"name": name})
--- the commit comes too late -> Nothing was committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
session.commit()
--- another session commits -> Nothing was committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
with Session(engine) as session:
    session.commit()
--- added twice -> How many times does the function add the name?
with Session(engine) as session:
    session.execute(ADD, {"name": name})
    session.add(User(name=name))
    session.commit()
--- always the same name -> Which name does the function add
with Session(engine) as session:
    session.execute(ADD, {"name": "Ben" if name else None})
    session.commit()
--- spaces are removed -> Which name does the function add
with Session(engine) as session:
    session.execute(ADD, {"name": name and name.strip()})
    session.commit()
--- None is left out -> Send every name to the database
if name is not None:
    with Session(engine) as session:
        session.execute(ADD, {"name": name})
        session.commit()
--- a name in other letters -> Which name does the function add
with Session(engine) as session:
    session.execute(ADD, {"name": name and name.title()})
    session.commit()
--- not added if the name is taken -> Two users may have the same name
with Session(engine) as session:
    if not session.scalar(text("SELECT 1 FROM users WHERE name = :name"), {"name": name}):
        session.execute(ADD, {"name": name})
        session.commit()
--- the name inside the SQL -> A name may contain a quote
with Session(engine) as session:
    session.execute(text(f"INSERT INTO users (name) VALUES ('{name}')"))
    session.commit()
--- the quotes doubled, and the rest inside the SQL -> A name may contain a quote, a colon or a %
with Session(engine) as session:
    quoted = name.replace("'", "''")
    session.execute(text(f"INSERT INTO users (name) VALUES ('{quoted}')"))
    session.commit()
--- the parameter has another name -> its key is the name after the colon
with Session(engine) as session:
    session.execute(ADD, {"user": name})
    session.commit()
--- another name in a statement of its own -> its key is the name after the colon
with Session(engine) as session:
    session.execute(text("INSERT INTO users (name) VALUES (:n)"), {"name": name})
    session.commit()
--- a typo in the SQL -> your own SQL
with Session(engine) as session:
    session.execute(text("INSERT INT users (name) VALUES (:name)"), {"name": name})
    session.commit()
--- the engine of the example -> use the engine that is passed in
with Session(exercise.engine) as session:
    session.execute(ADD, {"name": name})
    session.commit()
--- the table is emptied first -> It mustn't change or remove any
with Session(engine) as session:
    session.execute(text("DELETE FROM users WHERE name = 'Ann'"))
    session.execute(ADD, {"name": name})
    session.commit()
--- Ann's row is replaced by one that looks like it -> It mustn't change or remove any
with Session(engine) as session:
    session.execute(text("DELETE FROM users WHERE id = 1"))
    session.execute(text("INSERT INTO users (name) SELECT 'Ann' "
                         "WHERE NOT EXISTS (SELECT FROM users WHERE name = 'Ann')"))
    session.execute(ADD, {"name": name})
    session.commit()
--- the table is dropped -> What has happened to the table
with Session(engine) as session:
    session.execute(text("DROP TABLE IF EXISTS users"))
    session.commit()
--- another error instead -> This isn't the database's error
try:
    with engine.begin() as connection:
        connection.execute(ADD, {"name": name})
except Exception as error:
    raise ValueError("this user can't be added") from error
--- an id of its own -> Leave the id out of the INSERT
with engine.begin() as connection:
    values = {"id": connection.scalar(text("SELECT max(id) + 1 FROM users")), "name": name}
    connection.execute(text("INSERT INTO users (id, name) VALUES (:id, :name)"), values)
--- the error is hidden -> if the database rejects a name, the caller gets its error
with Session(engine) as session:
    try:
        session.execute(ADD, {"name": name})
        session.commit()
    except Exception:
        session.rollback()
--- a session that is not closed -> every connection is returned to the pool
session = Session(engine)
session.execute(ADD, {"name": name})
session.commit()
--- a connection that is not returned -> every connection is returned to the pool
connection = engine.connect()
connection.execute(ADD, {"name": name})
connection.commit()
--- a setting that stays -> A rollback doesn't undo it
with Session(engine) as session:
    session.execute(text("SET synchronous_commit = off"))
    session.execute(ADD, {"name": name})
    session.commit()
--- a lock that stays -> A rollback doesn't undo it
with engine.begin() as connection:
    connection.execute(text("SELECT pg_advisory_lock(42)"))
    connection.execute(ADD, {"name": name})
--- the driver's autocommit stays -> autocommit = True
with closing(engine.raw_connection()) as raw, raw.cursor() as cursor:
    raw.dbapi_connection.autocommit = True
    cursor.execute("INSERT INTO users (name) VALUES (%s)", (name,))
--- the pool is closed at the end -> don't call dispose()
with engine.begin() as connection:
    connection.execute(ADD, {"name": name})
engine.dispose()
--- an empty name is none -> An empty string is a name, too
with engine.begin() as connection:
    connection.execute(ADD, {"name": name or None})
--- the log stays on -> the engine's echo = True
engine.echo = True
with engine.begin() as connection:
    connection.execute(ADD, {"name": name})
--- a table of its own that stays -> A rollback doesn't undo it
with engine.begin() as connection:
    connection.execute(text("CREATE TEMP TABLE IF NOT EXISTS scratch (name text)"))
    connection.execute(ADD, {"name": name})
--- another Unicode form -> a different name that looks the same
from unicodedata import normalize
with engine.begin() as connection:
    connection.execute(ADD, {"name": name and normalize("NFC", name)})
--- only the first 50 characters -> Which name does the function add
with engine.begin() as connection:
    connection.execute(ADD, {"name": name and name[:50]})
--- a copy of the database's error -> This isn't the database's error
from sqlalchemy.exc import IntegrityError
try:
    with engine.begin() as connection:
        connection.execute(ADD, {"name": name})
except IntegrityError:
    raise IntegrityError("INSERT", {}, Exception("rejected")) from None
--- closed only if all goes well -> after the rejected name
session = Session(engine)
session.add(User(name=name))
session.commit()
session.close()
--- a view of its own that stays -> the temporary view mine
with engine.begin() as connection:
    connection.execute(text("CREATE OR REPLACE TEMP VIEW mine AS SELECT name FROM users"))
    connection.execute(ADD, {"name": name})
--- a function of its own that stays -> the temporary function
with engine.begin() as connection:
    connection.execute(text("CREATE OR REPLACE FUNCTION pg_temp.mine() RETURNS int RETURN 1"))
    connection.execute(ADD, {"name": name})
--- a custom setting that stays -> the setting app.reader = me
with engine.begin() as connection:
    connection.execute(text("SET app.reader = 'me'"))
    connection.execute(ADD, {"name": name})
--- everything is discarded -> no longer the setting application_name
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    connection.execute(ADD, {"name": name})
    connection.execute(text("DISCARD ALL"))
--- one more listener with each call -> Each call adds a listener to the engine
from sqlalchemy import event
event.listen(engine, "before_cursor_execute", lambda *_: None)
with engine.begin() as connection:
    connection.execute(ADD, {"name": name})
--- a column for the time -> added column users.added
with engine.begin() as connection:
    connection.execute(text("ALTER TABLE users ADD COLUMN IF NOT EXISTS added timestamptz"))
    connection.execute(ADD, {"name": name})
--- an index -> A change to the table is there for every program
with engine.begin() as connection:
    connection.execute(text("CREATE INDEX IF NOT EXISTS users_name ON users (name)"))
    connection.execute(ADD, {"name": name})
--- always the same name, even for None -> Which name does the function add
with engine.begin() as connection:
    connection.execute(text("INSERT INTO users (name) VALUES ('Ben')"))
--- None as a string -> Which name does the function add
with engine.begin() as connection:
    connection.execute(ADD, {"name": str(name)})
--- added later -> Each call adds its row, and commits it before it returns
kept = save_user.__dict__.setdefault("kept", [])
kept.append(name)
if not name:
    with engine.begin() as connection:
        while kept:
            connection.execute(ADD, {"name": kept.pop()})
--- escaped for the driver, where a % is a placeholder -> A name may contain a quote, a colon or a %
quoted = "NULL" if name is None else "'" + name.replace("'", "''") + "'"
with engine.begin() as connection:
    connection.exec_driver_sql(f"INSERT INTO users (name) VALUES ({quoted})")
""",
) + wrong(
    SAVE_USER.replace("(engine, name)", "(engine)"),
    """
--- other parameters -> keep the parameters that the exercise gives
with Session(engine) as session:
    session.execute(ADD, {"name": "Ben"})
    session.commit()
""",
)

MOVE = f"""{IMPORTS}TAKE = text("UPDATE cards SET points = points - :points WHERE name = :name")
ADD = text("UPDATE cards SET points = points + :points WHERE name = :name")

class Base(DeclarativeBase):
    pass

class Card(Base):
    __tablename__ = "cards"
    name: Mapped[str] = mapped_column(primary_key=True)
    points: Mapped[int]

def move(engine, giver, taker, points):
    less, more = dict(name=giver, points=points), dict(name=taker, points=points)

    def change(session, sent, values):
        if session.execute(sent, values).rowcount != 1:
            raise LookupError(values["name"])

"""
MOVE_RIGHT = right(
    MOVE,
    """
--- objects that the database changes, and a block that commits
with Session(engine) as session, session.begin():
    if giver == taker:
        session.get_one(Card, giver)
        return
    session.get_one(Card, taker).points = Card.points + points
    session.get_one(Card, giver).points = Card.points - points
--- objects that are locked
with sessionmaker(engine).begin() as session:
    session.get_one(Card, giver, with_for_update=True).points -= points
    session.get_one(Card, taker, with_for_update=True).points += points
--- a connection, and a rollback by hand
with engine.connect() as connection:
    try:
        change(connection, ADD, more)
        change(connection, TAKE, less)
        connection.commit()
    except Exception as error:
        connection.rollback()
        raise ValueError("this move is not allowed") from error
--- looked at first, and then one statement
if giver == taker:
    raise ValueError("no move")
with engine.begin() as connection:
    found = dict(connection.execute(text("SELECT name, points FROM cards FOR UPDATE")).all())
    if found[giver] < points or found[taker] + points > 100:
        raise ValueError("not allowed")
    connection.execute(text(
        "UPDATE cards SET points = points + CASE name WHEN :giver THEN - :points ELSE :points END"
        " WHERE name IN (:giver, :taker)"), {"giver": giver, "taker": taker, "points": points})
--- the whole table is locked
with Session(engine) as session, session.begin():
    session.execute(text("LOCK TABLE cards IN EXCLUSIVE MODE"))
    session.get_one(Card, giver).points -= points
    session.get_one(Card, taker).points += points
--- a value that has changed meanwhile is an error
with Session(engine) as session, session.begin():
    for name, added in ((giver, -points), (taker, points)):
        seen = session.get_one(Card, name).points
        sent = text("UPDATE cards SET points = :points WHERE name = :name AND points = :seen")
        change(session, sent, {"name": name, "points": seen + added, "seen": seen})
--- the whole transaction is repeatable read
if giver == taker:
    raise ValueError("no move")
with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
    with connection.begin():
        sent = text("SELECT points FROM cards WHERE name = :name")
        left = connection.execute(sent, less).one()[0] - points
        more["points"] += connection.execute(sent, more).one()[0]
        set_points = text("UPDATE cards SET points = :points WHERE name = :name")
        change(connection, set_points, {"name": giver, "points": left})
        change(connection, set_points, more)
--- tried again after a serialization failure
from sqlalchemy.exc import OperationalError
serializable = engine.execution_options(isolation_level="SERIALIZABLE")
for _ in range(10):
    try:
        with Session(serializable) as session, session.begin():
            session.get_one(Card, giver).points -= points
            session.get_one(Card, taker).points += points
        return
    except OperationalError as error:
        last = error
raise last
--- one statement for both cards
with engine.begin() as connection:
    found = connection.execute(text(
        "WITH t AS (UPDATE cards SET points = points - :points WHERE name = :giver RETURNING name),"
        " a AS (UPDATE cards SET points = points + :points WHERE name = :taker RETURNING name)"
        " SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM a)"),
        {"giver": giver, "taker": taker, "points": points})
    if found.scalar() != 2:
        raise LookupError("no such card")
--- locked in one order, which prevents deadlocks
with Session(engine) as session, session.begin():
    for name, value in sorted(((giver, -points), (taker, points))):
        session.get_one(Card, name, with_for_update=True).points += value
--- a locked table
with engine.begin() as connection:
    connection.execute(text("LOCK TABLE cards IN SHARE ROW EXCLUSIVE MODE"))
    for name, value in ((giver, -points), (taker, points)):
        found = connection.execute(
            text("SELECT points FROM cards WHERE name = :name"), dict(name=name)
        )
        sent = text("UPDATE cards SET points = :points WHERE name = :name")
        change(connection, sent, dict(name=name, points=found.scalar_one() + value))
--- savepoints in one transaction
with Session(engine) as session, session.begin():
    for sent, values in ((TAKE, less), (ADD, more)):
        with session.begin_nested():
            change(session, sent, values)
--- RETURNING tells whether there was a row
with Session(engine) as session:
    session.execute(text(f"{TAKE} RETURNING name"), less).one()
    session.execute(text(f"{ADD} RETURNING name"), more).one()
    session.commit()
--- a card that's in use is an error
with Session(engine) as session, session.begin():
    nowait = {"nowait": True}
    session.get_one(Card, giver, with_for_update=nowait).points -= points
    session.get_one(Card, taker, with_for_update=nowait).points += points
--- tried again while a card is in use
import time
from sqlalchemy.exc import OperationalError
for _ in range(100):
    try:
        with Session(engine) as session, session.begin():
            session.get_one(Card, giver, with_for_update={"nowait": True}).points -= points
            session.get_one(Card, taker, with_for_update={"nowait": True}).points += points
        return
    except OperationalError as error:
        last = error
        time.sleep(0.01)
raise last
--- the driver's own connection
with closing(engine.raw_connection()) as raw, raw.cursor() as cursor:
    for sign, name in ((-1, giver), (1, taker)):
        cursor.execute("UPDATE cards SET points = points + %s WHERE name = %s",
                       (sign * points, name))
        if not cursor.rowcount:
            raise LookupError(name)
    raw.commit()
""",
)
MOVE_WRONG = wrong(
    MOVE,
    """
--- an unknown name is no error -> The result's rowcount is the number of rows
with Session(engine) as session:
    session.execute(TAKE, less)
    session.execute(ADD, more)
    session.commit()
--- an unknown taker is no error -> no exception if there's no card for the taker
with Session(engine) as session:
    change(session, TAKE, less)
    session.execute(ADD, more)
    session.commit()
--- an unknown name is noticed, and then committed -> the other card stays as it was
with Session(engine) as session:
    found = session.execute(TAKE, less).rowcount, session.execute(ADD, more).rowcount
    session.commit()
    if found != (1, 1):
        raise LookupError("no such card")
--- a commit after each statement -> One change was kept without the other
with Session(engine) as session:
    change(session, TAKE, less)
    session.commit()
    change(session, ADD, more)
    session.commit()
--- the same, the other card first -> if the giver has too few points, both cards stay
with Session(engine) as session:
    change(session, ADD, more)
    session.commit()
    change(session, TAKE, less)
    session.commit()
--- two transactions -> if the taker would have more than 100, both cards stay
with engine.begin() as connection:
    change(connection, TAKE, less)
with engine.begin() as connection:
    change(connection, ADD, more)
--- two transactions, and a third that undoes the first -> undone by a second transaction
with engine.begin() as connection:
    change(connection, TAKE, less)
try:
    with engine.begin() as connection:
        change(connection, ADD, more)
except Exception:
    with engine.begin() as connection:
        change(connection, ADD, less)
    raise
--- looked at first, and then two transactions -> Both statements belong in one transaction
with engine.begin() as connection:
    found = dict(connection.execute(text("SELECT name, points FROM cards FOR UPDATE")).all())
    if found[giver] < points or found[taker] + points > 100:
        raise ValueError("not allowed")
for sent, values in ((TAKE, less), (ADD, more)):
    with engine.begin() as connection:
        connection.execute(sent, values)
--- autocommit -> One change was kept without the other
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- no commit -> Nothing was committed
with Session(engine) as session:
    change(session, TAKE, less)
    change(session, ADD, more)
--- the error is hidden -> let the database's own through
with Session(engine) as session:
    try:
        change(session, TAKE, less)
        change(session, ADD, more)
        session.commit()
    except Exception:
        session.rollback()
--- False instead of an error -> a move that isn't possible raises an exception
with Session(engine) as session:
    try:
        change(session, TAKE, less)
        change(session, ADD, more)
        session.commit()
        return True
    except Exception:
        return False
--- one point too many -> Is it the number of points that was passed in
with Session(engine) as session:
    change(session, TAKE, less)
    change(session, ADD, {**more, "points": points + 1})
    session.commit()
--- two sessions at once -> Both statements belong in one transaction
with Session(engine) as one, Session(engine) as two:
    change(one, TAKE, less)
    change(two, ADD, more)
    one.commit()
    two.commit()
--- the wrong direction -> It's the other way round
with Session(engine) as session:
    change(session, TAKE, more)
    change(session, ADD, less)
    session.commit()
--- half of it -> Both statements are needed
with Session(engine) as session:
    change(session, TAKE, less)
    session.commit()
--- the example only -> No card was changed
with Session(engine) as session:
    if (giver, taker, points) == ("Ann", "Ben", 5):
        change(session, TAKE, less)
        change(session, ADD, more)
        session.commit()
--- the number is adjusted until it fits -> don't adjust the number
with Session(engine) as session:
    one, two = session.get_one(Card, giver), session.get_one(Card, taker)
    fits = min(points, one.points, 100 - two.points)
    one.points -= fits
    two.points += fits
    session.commit()
--- no card gets below zero -> don't adjust the number
with Session(engine) as session:
    take = text("UPDATE cards SET points = greatest(points - :points, 0) WHERE name = :name")
    change(session, take, less)
    change(session, ADD, more)
    session.commit()
--- a card may not be emptied -> A card may have 0 points
with Session(engine) as session:
    if session.get_one(Card, giver, with_for_update=True).points <= points:
        raise ValueError("not allowed")
    change(session, TAKE, less)
    change(session, ADD, more)
    session.commit()
--- another session's change is overwritten -> Let the database calculate
with Session(engine) as session:
    session.get_one(Card, giver).points -= points
    session.get_one(Card, taker).points += points
    session.commit()
--- the names inside the SQL -> A name may contain a quote
with Session(engine) as session:
    session.execute(text(f"UPDATE cards SET points = points - {points} WHERE name = '{giver}'"))
    session.execute(text(f"UPDATE cards SET points = points + {points} WHERE name = '{taker}'"))
    session.commit()
--- looked at first, and no exception -> let the database's own through
with Session(engine) as session:
    locked = text("SELECT points FROM cards WHERE name = :name FOR UPDATE")
    one, two = session.scalar(locked, less), session.scalar(locked, more)
    if one is None or two is None or one < points or two + points > 100:
        return False
    change(session, TAKE, less)
    change(session, ADD, more)
    session.commit()
--- a savepoint for the second, and the first is kept -> One change was kept without the other
with Session(engine) as session:
    change(session, TAKE, less)
    try:
        with session.begin_nested():
            change(session, ADD, more)
    except Exception as error:
        print(error)
    session.commit()
--- a typo in the SQL -> your own SQL
with Session(engine) as session:
    session.execute(text("UPDATE cards SET points = points - :points WERE name = :name"), less)
    session.execute(ADD, more)
    session.commit()
--- the parameters have other names -> each statement has :points and :name
with Session(engine) as session:
    session.execute(TAKE, {"giver": giver, "points": points})
    session.execute(ADD, {"taker": taker, "points": points})
    session.commit()
--- the engine of the example -> use the engine and the names that are passed in
with Session(exercise.engine) as session:
    session.execute(TAKE, less)
    session.execute(ADD, more)
    session.commit()
--- LIKE -> an allowed move runs without an error
with Session(engine) as session:
    for sign, name in (("-", giver), ("+", taker)):
        sent = text(f"UPDATE cards SET points = points {sign} :points WHERE name LIKE :name")
        change(session, sent, {"name": name, "points": points})
    session.commit()
--- capitals make no difference -> an allowed move runs without an error
with Session(engine) as session:
    for sign, name in (("-", giver), ("+", taker)):
        change(session, text(f"UPDATE cards SET points = points {sign} :points"
                             " WHERE lower(name) = lower(:name)"), {"name": name, "points": points})
    session.commit()
--- capitals make no difference, nor does the number of rows -> all other cards are unchanged
with Session(engine) as session:
    for sign, name in (("-", giver), ("+", taker)):
        sent = text(f"UPDATE cards SET points = points {sign} :points WHERE name ILIKE :name")
        if not session.execute(sent, {"name": name, "points": points}).rowcount:
            raise LookupError(name)
    session.commit()
--- a card is made for an unknown name -> Does anything add a card?
with Session(engine) as session:
    change(session, TAKE, less)
    session.execute(text("INSERT INTO cards VALUES (:name, :points) ON CONFLICT (name)"
                         " DO UPDATE SET points = cards.points + excluded.points"), more)
    session.commit()
--- the constraint is dropped -> its CHECK constraint is gone
with Session(engine) as session:
    session.execute(text("ALTER TABLE cards DROP CONSTRAINT IF EXISTS cards_points_check"))
    change(session, TAKE, less)
    change(session, ADD, more)
    session.commit()
--- the program is ended -> sys.exit ends the whole program
with Session(engine) as session:
    try:
        change(session, TAKE, less)
        change(session, ADD, more)
    except Exception as error:
        raise SystemExit(str(error)) from error
    session.commit()
--- a lock of its own that no other session knows -> Let the database calculate
with Session(engine) as session:
    session.execute(text("SELECT pg_advisory_xact_lock(1)"))
    session.get_one(Card, giver).points -= points
    session.get_one(Card, taker).points += points
    session.commit()
--- no WHERE -> Does each UPDATE have a WHERE
with Session(engine) as session:
    session.execute(text("UPDATE cards SET points = points + 1 WHERE name = 'Ann'"))
    change(session, TAKE, less)
    change(session, ADD, more)
    session.commit()
--- a lock that stays -> A rollback doesn't undo it
with engine.begin() as connection:
    connection.execute(text("SELECT pg_advisory_lock(7)"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- a setting that stays -> A rollback doesn't undo it
with engine.begin() as connection:
    connection.execute(text("SET lock_timeout = '10s'"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- an option of the engine -> execution_options() returns another
engine.update_execution_options(isolation_level="SERIALIZABLE")
with engine.begin() as connection:
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- the taker's points are calculated here -> Let the database calculate
with engine.begin() as connection:
    change(connection, TAKE, less)
    read = text("SELECT points FROM cards WHERE name = :name")
    more["points"] += connection.execute(read, more).scalar_one()
    change(connection, text("UPDATE cards SET points = :points WHERE name = :name"), more)
--- read, and then locked -> Let the database calculate
with engine.begin() as connection:
    seen = dict(connection.execute(text("SELECT name, points FROM cards")).all())
    connection.execute(text("SELECT 1 FROM cards FOR UPDATE"))
    set_points = text("UPDATE cards SET points = :points WHERE name = :name")
    change(connection, set_points, {"name": giver, "points": seen[giver] - points})
    change(connection, set_points, {"name": taker, "points": seen[taker] + points})
--- names without their spaces -> compare the names exactly
less["name"], more["name"] = giver.strip(), taker.strip()
with engine.begin() as connection:
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- a card that gives to itself gets points -> Here, the giver is the taker
with Session(engine) as session, session.begin():
    left = session.get_one(Card, giver, with_for_update=True).points - points
    sum = session.get_one(Card, taker, with_for_update=True).points + points
    for name, value in ((giver, left), (taker, sum)):
        sent = text("UPDATE cards SET points = :points WHERE name = :name")
        change(session, sent, dict(name=name, points=value))
--- a card that gives to itself loses points -> Here, the giver is the taker
with engine.begin() as connection:
    connection.execute(text("SELECT FROM cards FOR UPDATE"))
    for name in (giver, taker):
        connection.execute(text("SELECT FROM cards WHERE name = :name"), dict(name=name)).one()
    connection.execute(text(
        "UPDATE cards SET points = points + CASE name WHEN :giver THEN - :points ELSE :points END"
        " WHERE name IN (:giver, :taker)"), {"giver": giver, "taker": taker, "points": points})
--- looked for first, and gone at the UPDATE -> another session renamed it before the UPDATE
with Session(engine) as session, session.begin():
    for name in (giver, taker):
        session.execute(text("SELECT FROM cards WHERE name = :name"), dict(name=name)).one()
    session.execute(TAKE, less)
    session.execute(ADD, more)
--- looked for through another connection -> another session renamed it before the UPDATE
with engine.connect() as connection:
    there = connection.scalars(text("SELECT name FROM cards")).all()
if not {giver, taker} <= {*there}:
    raise LookupError
with engine.begin() as connection:
    connection.execute(TAKE, less)
    connection.execute(ADD, more)
--- the pool is closed at the end -> don't call dispose()
try:
    with Session(engine) as session, session.begin():
        change(session, TAKE, less)
        change(session, ADD, more)
finally:
    engine.dispose()
--- the driver's autocommit stays -> autocommit = True
with closing(engine.raw_connection()) as raw, raw.cursor() as cursor:
    raw.dbapi_connection.autocommit = True
    cursor.execute("BEGIN")
    try:
        for name, value in ((giver, -points), (taker, points)):
            cursor.execute(
                "UPDATE cards SET points = points + %s WHERE name = %s", (value, name)
            )
            if cursor.rowcount != 1:
                raise LookupError(name)
    except BaseException:
        cursor.execute("ROLLBACK")
        raise
    cursor.execute("COMMIT")
--- BEGIN without ROLLBACK -> an open transaction
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    connection.execute(text("BEGIN"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
    connection.execute(text("COMMIT"))
--- nothing to do if the giver is the taker -> there's no such card. Look for it before you return
if giver == taker:
    return
with Session(engine) as session:
    change(session, TAKE, less)
    change(session, ADD, more)
    session.commit()
--- the giver is the taker if only capitals differ -> their names differ in capital letters
if giver.lower() == taker.lower():
    with Session(engine) as session:
        session.get_one(Card, giver)
    return
with Session(engine) as session:
    change(session, TAKE, less)
    change(session, ADD, more)
    session.commit()
--- the giver is the taker if only spaces differ -> points move between cards with similar names
if giver.strip() == taker.strip():
    with Session(engine) as session:
        session.get_one(Card, giver)
    return
with Session(engine) as session:
    change(session, TAKE, less)
    change(session, ADD, more)
    session.commit()
--- a locked card is skipped -> SKIP LOCKED leaves out a row that exists
with engine.begin() as connection:
    for name, added in ((giver, -points), (taker, points)):
        locked = text("SELECT points FROM cards WHERE name = :name FOR UPDATE SKIP LOCKED")
        found = connection.scalar(locked, {"name": name})
        if found is not None:
            sent = text("UPDATE cards SET points = :points WHERE name = :name")
            connection.execute(sent, {"name": name, "points": found + added})
        else:
            there = text("SELECT FROM cards WHERE name = :name")
            connection.execute(there, {"name": name}).one()
--- a column for a version -> added column cards.version
with engine.begin() as connection:
    connection.execute(text("ALTER TABLE cards ADD COLUMN IF NOT EXISTS version int"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- a larger type -> changed column cards.points
with engine.begin() as connection:
    connection.execute(text("ALTER TABLE cards ALTER COLUMN points TYPE bigint"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- no NOT NULL -> changed column cards.points
with engine.begin() as connection:
    connection.execute(text("ALTER TABLE cards ALTER COLUMN points DROP NOT NULL"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- an unlogged table -> privileges, storage or row security of cards
with engine.begin() as connection:
    connection.execute(text("ALTER TABLE cards SET UNLOGGED"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- an index -> A change to the table is there for every program
with engine.begin() as connection:
    connection.execute(text("CREATE INDEX IF NOT EXISTS cards_n ON cards (name)"))
    change(connection, TAKE, less)
    change(connection, ADD, more)
--- closed only if all goes well -> every connection is returned to the pool
session = Session(engine)
change(session, TAKE, less)
change(session, ADD, more)
session.commit()
session.close()
""",
)

GET_DB = f"{IMPORTS}shared = ExerciseSession()\n\ndef safe_get_db():\n"
GET_DB_RIGHT = right(
    GET_DB,
    """
--- with
with ExerciseSession() as db:
    yield db
--- a block that commits when all went well
with ExerciseSession.begin() as session:
    yield session
--- every kind of exception, and none
db = ExerciseSession()
try:
    yield db
except BaseException:
    db.close()
    raise
else:
    db.close()
--- psycopg 3
own = create_engine(exercise.url.set(drivername="postgresql+psycopg"))
try:
    with Session(own) as db:
        yield db
finally:
    own.dispose()
--- closing, and a note on the error
with closing(ExerciseSession()) as db:
    try:
        yield db
    except Exception as error:
        error.add_note("the request failed")
        raise
--- an ExitStack, and a session of the engine
with ExitStack() as stack:
    db = Session(exercise.engine, autoflush=False)
    stack.callback(db.close)
    yield db
--- committed only when all went well
db = ExerciseSession()
try:
    yield db
except BaseException as error:
    db.rollback()
    raise error
else:
    db.commit()
finally:
    db.close()
--- a session of a connection, and another isolation level
with exercise.engine.connect() as connection:
    connection.execution_options(isolation_level="REPEATABLE READ")
    with ExerciseSession(bind=connection) as db:
        yield db
--- a connection that commits when all went well
with exercise.engine.begin() as connection, Session(connection) as db:
    yield db
--- a timeout for one transaction
with ExerciseSession(expire_on_commit=False) as db:
    db.execute(text("SET LOCAL statement_timeout = '30s'"))
    yield db
--- a generator in a generator
def inner():
    with Session(exercise.engine) as db, db.begin():
        yield db
yield from inner()
""",
)
GET_DB_WRONG = wrong(
    GET_DB,
    """
--- as it was -> the connection is returned after the request
db = ExerciseSession()
yield db
--- closed after the yield -> the connection is returned after an error in the request
db = ExerciseSession()
yield db
db.close()
--- closed only after an error -> the connection is returned after the request
db = ExerciseSession()
try:
    yield db
except Exception:
    db.close()
    raise
--- closed in two cases of three -> the connection is returned when the generator is closed early
db = ExerciseSession()
try:
    yield db
except Exception:
    db.close()
    raise
else:
    db.close()
--- close without parentheses -> the connection is returned after the request
db = ExerciseSession()
try:
    yield db
finally:
    db.close
--- closed before it is used -> the connection is returned after the request
db = ExerciseSession()
try:
    db.close()
finally:
    yield db
--- returned, not yielded -> The function must `yield` the session
with ExerciseSession() as db:
    return db
--- the factory, not a session -> a value of type sessionmaker
try:
    yield ExerciseSession
finally:
    pass
--- the error is hidden -> After an `except`, `raise` again
db = ExerciseSession()
try:
    yield db
except Exception:
    pass
finally:
    db.close()
--- return in finally -> don't `return` in `finally`
db = ExerciseSession()
try:
    yield db
finally:
    db.close()
    return
--- an error becomes the end of the program -> Raise the request's own again
with ExerciseSession() as db:
    try:
        yield db
    except Exception as error:
        raise SystemExit(str(error)) from error
--- the work of a failed request is committed -> after an error, nothing is committed
with ExerciseSession() as db:
    try:
        yield db
    except Exception:
        db.commit()
        raise
--- a request that hasn't finished is committed -> The request hasn't ended
db = ExerciseSession()
try:
    yield db
except GeneratorExit:
    db.commit()
    raise
finally:
    db.close()
--- closed only after an Exception -> the connection is returned when the request is cancelled
db = ExerciseSession()
try:
    yield db
except (Exception, GeneratorExit):
    db.close()
    raise
else:
    db.close()
--- a cancellation is hidden -> it lets the exception that cancels a request through
with ExerciseSession() as db:
    try:
        yield db
    except Exception:
        raise
    except BaseException:
        pass
--- a cancelled request is committed -> nothing is committed when the request is cancelled
db = ExerciseSession()
try:
    yield db
except Exception:
    db.rollback()
    raise
finally:
    db.commit()
    db.close()
--- a cancellation is caught by its name -> it lets the exception that cancels a request through
from asyncio import CancelledError
db = ExerciseSession()
try:
    yield db
except CancelledError:
    db.rollback()
finally:
    db.close()
--- all sessions are closed -> a request keeps its transaction when another one ends
from sqlalchemy.orm import close_all_sessions
try:
    yield ExerciseSession()
finally:
    close_all_sessions()
--- the pool is closed -> a pool that was disposed of
with ExerciseSession() as db:
    yield db
exercise.engine.dispose()
--- the connection is closed, not returned -> a connection that was closed
db = ExerciseSession()
try:
    yield db
finally:
    db.invalidate()
--- an engine for each request -> One engine is enough
with Session(create_engine(exercise.url)) as db:
    yield db
--- an error of the database becomes another -> If you raise it, raise the request's own
from sqlalchemy.exc import SQLAlchemyError
db = ExerciseSession()
try:
    yield db
except SQLAlchemyError as error:
    db.rollback()
    raise RuntimeError("the database has rejected it") from error
finally:
    db.close()
--- closed only while it is active -> after the database has rejected a change
db = ExerciseSession()
try:
    yield db
finally:
    if db.is_active:
        db.close()
--- flushed at the end -> a request that has added an object that can't be saved
db = ExerciseSession()
try:
    yield db
finally:
    db.flush()
    db.close()
--- flushed at the end of a block -> it lets the request's exception through if an object can't
with ExerciseSession() as db:
    try:
        yield db
    finally:
        db.flush()
--- flushed when it's closed early -> closing the generator of such a request raises no exception
with ExerciseSession() as db:
    try:
        yield db
    except GeneratorExit:
        db.flush()
        raise
--- one more listener with each request -> Each call adds a listener to the engine
from sqlalchemy import event
event.listen(exercise.engine, "checkin", lambda *_: None)
with ExerciseSession() as db:
    yield db
--- a custom setting that stays -> the setting app.request = mine
with ExerciseSession() as db:
    db.execute(text("SET app.request = 'mine'"))
    db.commit()
    yield db
--- committed, and not closed -> a request that has added an object that can't be saved
db = ExerciseSession()
try:
    yield db
except BaseException:
    db.rollback()
    raise
else:
    db.commit()
--- its transaction is closed -> If a method after the `yield` raises it
db = ExerciseSession()
try:
    yield db
finally:
    db.get_transaction().close()
--- its connection is closed -> close() works in every state of the session
db = ExerciseSession()
try:
    yield db
finally:
    db.connection().close()
--- a setting that stays -> the setting statement_timeout = 5000
with ExerciseSession() as db:
    db.execute(text("SET statement_timeout = '5s'"))
    db.commit()
    yield db
--- the driver's setting -> the setting transaction_read_only = on
with ExerciseSession() as db:
    db.connection().connection.dbapi_connection.set_session(readonly=True)
    yield db
--- another setting for all sessions -> configure() changes all later sessions
ExerciseSession.configure(autoflush=False)
with ExerciseSession() as db:
    yield db
--- two sessions -> safe_get_db yields one session
with ExerciseSession() as one, ExerciseSession() as two:
    yield one
    yield two
--- a connection, not a session -> a value of type Connection
with exercise.engine.connect() as connection:
    yield connection
--- finally commits -> only close there
db = ExerciseSession()
try:
    yield db
finally:
    db.commit()
    db.close()
--- one session for all -> Create the session inside
try:
    yield shared
finally:
    shared.close()
--- another error instead -> Raise the request's own again
with closing(ExerciseSession()) as db:
    try:
        yield db
    except Exception as error:
        raise RuntimeError("the request failed") from error
--- an error of the same kind -> Raise the request's own again
with ExerciseSession() as db:
    try:
        yield db
    except Exception as error:
        raise type(error)("the request failed") from None
--- a session of no server -> no such function
with Session(create_engine("sqlite://")) as db:
    yield db
--- a session that says it has closed -> is returned after the request
class Closed(Session):
    def connection(self):
        connection = Session(create_engine("sqlite://")).connection()
        execute, session = connection.execute, ExerciseSession()
        connection.execute = lambda sent: session.execute(sent)
        return connection
yield Closed()
""",
) + wrong(
    GET_DB.replace("def ", "@contextmanager\ndef "),
    """
--- for `with`, not for FastAPI -> Leave @contextmanager out
with ExerciseSession() as db:
    yield db
""",
)

SAVE_USER_WRONG += wrong(
    SAVE_USER.replace("(engine, name)", "(name, engine)"),
    """
--- parameters in another order -> the engine comes first
with Session(engine) as session:
    session.execute(ADD, {"name": name})
    session.commit()
""",
)
CHANGED = """
from sqlalchemy import event
def save(session, _):
    session.connection().connection.dbapi_connection.commit()

"""
GET_DB_WRONG += wrong(
    GET_DB.replace("def ", "ExerciseSession.configure(expire_on_commit=False)\ndef "),
    """
--- another setting for all sessions, from the beginning -> configure() changes all later sessions
with ExerciseSession() as db:
    yield db
""",
) + wrong(
    GET_DB.replace("def ", f"{CHANGED}event.listen(ExerciseSession, 'after_flush', save)\ndef "),
    """
--- a listener that commits -> runs in the sessions of all requests
with ExerciseSession() as db:
    yield db
""",
)
GET_DB_WRONG += wrong(
    GET_DB.replace("get_db()", "get_db(sessions)"),
    """
--- other parameters -> keep the parameters that the exercise gives
with sessions() as db:
    yield db
""",
) + wrong(
    GET_DB.replace("def ", "async def "),
    """
--- asynchronous -> Write a plain `def`
with ExerciseSession() as db:
    yield db
""",
)

RIGHT = {
    "uncommitted-user": SAVE_USER_RIGHT,
    "both-or-none": MOVE_RIGHT,
    "get-db-closes": GET_DB_RIGHT,
}
WRONG = {
    "uncommitted-user": SAVE_USER_WRONG,
    "both-or-none": MOVE_WRONG,
    "get-db-closes": GET_DB_WRONG,
}

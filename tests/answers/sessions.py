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
""",
)
SAVE_USER_WRONG = wrong(
    SAVE_USER,
    """
--- as it was -> takes back what was not committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
--- a flush is no commit -> takes back what was not committed
with Session(engine) as session:
    session.add(User(name=name))
    session.flush()
--- commit without parentheses -> takes back what was not committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
    session.commit
--- the commit comes too early -> takes back what was not committed
with Session(engine) as session:
    session.commit()
    session.execute(ADD, {"name": name})
--- the commit comes too late -> takes back what was not committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
session.commit()
--- another session commits -> takes back what was not committed
with Session(engine) as session:
    session.execute(ADD, {"name": name})
with Session(engine) as session:
    session.commit()
--- added twice -> How often does the function add the name?
with Session(engine) as session:
    session.execute(ADD, {"name": name})
    session.add(User(name=name))
    session.commit()
--- always the same name -> Which name does the function add
with Session(engine) as session:
    session.execute(ADD, {"name": "Ben"})
    session.commit()
--- the name inside of the SQL -> A name may hold a quote
with Session(engine) as session:
    session.execute(text(f"INSERT INTO users (name) VALUES ('{name}')"))
    session.commit()
--- the engine of the example -> use the engine that the function gets
with Session(exercise.engine) as session:
    session.execute(ADD, {"name": name})
    session.commit()
--- the table is emptied first -> It must not take any away
with Session(engine) as session:
    session.execute(text("DELETE FROM users WHERE name = 'Ann'"))
    session.execute(ADD, {"name": name})
    session.commit()
--- Ann's row is replaced by one that looks like it -> It must not take any away
with Session(engine) as session:
    session.execute(text("DELETE FROM users WHERE id = 1"))
    session.execute(text("INSERT INTO users (name) SELECT 'Ann' "
                         "WHERE NOT EXISTS (SELECT FROM users WHERE name = 'Ann')"))
    session.execute(ADD, {"name": name})
    session.commit()
--- the table is dropped -> What has become of the table
with Session(engine) as session:
    session.execute(text("DROP TABLE IF EXISTS users"))
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
"""
MOVE_RIGHT = right(
    MOVE,
    """
--- objects, and a block that commits
with Session(engine) as session, session.begin():
    session.get_one(Card, taker).points += points
    session.get_one(Card, giver).points -= points
--- a connection, and a rollback by hand
with engine.connect() as connection:
    try:
        connection.execute(ADD, more)
        connection.execute(TAKE, less)
        connection.commit()
    except Exception as error:
        connection.rollback()
        raise ValueError("this move is not allowed") from error
--- looked at first, and then one statement
with engine.begin() as connection:
    found = dict(connection.execute(text("SELECT name, points FROM cards FOR UPDATE")).all())
    if found[giver] < points or found[taker] + points > 100:
        raise ValueError("not allowed")
    connection.execute(text(
        "UPDATE cards SET points = points + CASE name WHEN :giver THEN - :points ELSE :points END"
        " WHERE name IN (:giver, :taker)"), {"giver": giver, "taker": taker, "points": points})
""",
)
MOVE_WRONG = wrong(
    MOVE,
    """
--- a commit after each statement -> Was the first statement committed
with Session(engine) as session:
    session.execute(TAKE, less)
    session.commit()
    session.execute(ADD, more)
    session.commit()
--- the same, the other card first -> when the giver has too few points, both cards are as before
with Session(engine) as session:
    session.execute(ADD, more)
    session.commit()
    session.execute(TAKE, less)
    session.commit()
--- two transactions -> when the taker would have more than 100, both cards are as before
with engine.begin() as connection:
    connection.execute(TAKE, less)
with engine.begin() as connection:
    connection.execute(ADD, more)
--- autocommit -> Was the first statement committed
with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
    connection.execute(TAKE, less)
    connection.execute(ADD, more)
--- no commit -> takes back what was not committed
with Session(engine) as session:
    session.execute(TAKE, less)
    session.execute(ADD, more)
--- the error is hidden -> Did an `except` without `raise` hide it
with Session(engine) as session:
    try:
        session.execute(TAKE, less)
        session.execute(ADD, more)
        session.commit()
    except Exception:
        session.rollback()
--- the wrong direction -> Which card gives, and which one takes
with Session(engine) as session:
    session.execute(TAKE, more)
    session.execute(ADD, less)
    session.commit()
--- half of it -> Which card gives, and which one takes
with Session(engine) as session:
    session.execute(TAKE, less)
    session.commit()
--- the number is bent until it fits -> do not bend the number
with Session(engine) as session:
    one, two = session.get_one(Card, giver), session.get_one(Card, taker)
    fits = min(points, one.points, 100 - two.points)
    one.points -= fits
    two.points += fits
    session.commit()
--- the engine of the example -> use the engine and the names that the function gets
with Session(exercise.engine) as session:
    session.execute(TAKE, less)
    session.execute(ADD, more)
    session.commit()
--- no WHERE -> Does each UPDATE have a WHERE
with Session(engine) as session:
    session.execute(text("UPDATE cards SET points = points + 1 WHERE name = 'Ann'"))
    session.execute(TAKE, less)
    session.execute(ADD, more)
    session.commit()
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
--- as it was -> the connection is back after the request
db = ExerciseSession()
yield db
--- closed after the yield -> the connection is back after an error in the request
db = ExerciseSession()
yield db
db.close()
--- closed only after an error -> the connection is back after the request
db = ExerciseSession()
try:
    yield db
except Exception:
    db.close()
    raise
--- closed in two cases of three -> the connection is back when the generator is closed early
db = ExerciseSession()
try:
    yield db
except Exception:
    db.close()
    raise
else:
    db.close()
--- close without parentheses -> the connection is back after the request
db = ExerciseSession()
try:
    yield db
finally:
    db.close
--- closed before it is used -> the connection is back after the request
db = ExerciseSession()
try:
    db.close()
finally:
    yield db
--- returned, not yielded -> the function must `yield` it
with ExerciseSession() as db:
    return db
--- the factory, not a session -> a value of type sessionmaker
try:
    yield ExerciseSession
finally:
    pass
--- the error is hidden -> An `except` without `raise` hides the error
db = ExerciseSession()
try:
    yield db
except Exception:
    pass
finally:
    db.close()
--- finally commits -> only close there
db = ExerciseSession()
try:
    yield db
finally:
    db.commit()
    db.close()
--- one session for all -> Make the session inside
try:
    yield shared
finally:
    shared.close()
--- another error instead -> Let the request's own error out
with closing(ExerciseSession()) as db:
    try:
        yield db
    except Exception as error:
        raise RuntimeError("the request failed") from error
--- an error of the same kind -> Let the request's own error out
with ExerciseSession() as db:
    try:
        yield db
    except Exception as error:
        raise type(error)("the request failed") from None
--- a session of no server -> no such function
with Session(create_engine("sqlite://")) as db:
    yield db
--- a session that says it has closed -> is back after the request
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
--- for `with`, not for FastAPI -> Leave @contextmanager away
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

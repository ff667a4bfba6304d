"""Right and wrong answers to `lock-timeout`."""

from __future__ import annotations

from support.samples import right, wrong

IMPORTS = """
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from tutorial_lib import locks
from tutorial_lib.errors import LockError

calls = []

def careful(engine, statement):
"""
LIMIT = """connection.execute(text("SET LOCAL lock_timeout = '500ms'"))"""
GAVE_UP = """except OperationalError as error:
    if "lock timeout" not in str(error):
        raise
    return "gave up"
"""

CAREFUL_RIGHT = right(
    IMPORTS,
    """
--- with the kit
try:
    locks.with_lock_retries(engine, statement, lock_timeout=0.5, attempts=1)
except LockError:
    return "gave up"
return "done"
--- by the error's code, and a limit for the session that is taken back
with engine.connect() as connection:
    connection.exec_driver_sql("SET lock_timeout = 400")
    try:
        connection.execute(text(statement))
        connection.exec_driver_sql("SET lock_timeout = 0")
        connection.commit()
    except OperationalError as error:
        connection.rollback()
        if error.orig.pgcode == "55P03":
            return "gave up"
        raise
return "done"
--- the driver's own connection and errors
import psycopg2
raw = engine.raw_connection()
try:
    with raw.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', '500ms', true)")
        try:
            cursor.execute(statement)
        except psycopg2.errors.LockNotAvailable:
            raw.rollback()
            return "gave up"
    raw.commit()
    return "done"
finally:
    raw.close()
--- a limit that comes with the engine
from sqlalchemy import create_engine
own = create_engine(engine.url, connect_args={"options": "-c lock_timeout=500ms"})
done = "done"
try:
    with own.begin() as connection:
        connection.execute(text(statement))
except OperationalError as error:
    if type(error.orig).__name__ != "LockNotAvailable":
        raise
    done = "gave up"
finally:
    own.dispose()
return done
""",
)
CAREFUL_WRONG = wrong(
    IMPORTS,
    f"""
--- counts its calls -> it returns 'gave up' while a report is open
calls.append(statement)
if len(calls) == 2:
    return "gave up"
with engine.begin() as connection:
    connection.execute(text(statement))
return "done"
--- no limit -> while a report is open
try:
    with engine.begin() as connection:
        connection.execute(text(statement))
{GAVE_UP}return "done"
--- the limit comes after -> while a report is open
try:
    with engine.begin() as connection:
        connection.execute(text(statement))
        {LIMIT}
{GAVE_UP}return "done"
--- a limit for another transaction -> while a report is open
with engine.begin() as connection:
    {LIMIT}
try:
    with engine.begin() as connection:
        connection.execute(text(statement))
{GAVE_UP}return "done"
--- the error is not caught -> while a report is open
with engine.begin() as connection:
    {LIMIT}
    connection.execute(text(statement))
return "done"
--- never committed -> then the column exists
try:
    with engine.connect() as connection:
        {LIMIT}
        connection.execute(text(statement))
{GAVE_UP}return "done"
--- every error is a lock -> any other error is raised unchanged
try:
    with engine.begin() as connection:
        {LIMIT}
        connection.execute(text(statement))
except Exception:
    return "gave up"
return "done"
--- every OperationalError is a lock -> a lost connection is not a lock timeout
try:
    with engine.begin() as connection:
        {LIMIT}
        connection.execute(text(statement))
except OperationalError:
    return "gave up"
return "done"
--- a limit for the statement -> a change that has its lock can take longer
try:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = '500ms'"))
        connection.execute(text(statement))
except OperationalError as error:
    if "timeout" not in str(error):
        raise
    return "gave up"
return "done"
--- a limit that stays -> SET LOCAL does not
try:
    with engine.begin() as connection:
        {LIMIT.replace("LOCAL ", "")}
        connection.execute(text(statement))
{GAVE_UP}return "done"
--- seconds, as one thinks -> with a unit, as in '500ms'
try:
    with engine.begin() as connection:
        {LIMIT.replace("'500ms'", "0.5")}
        connection.execute(text(statement))
{GAVE_UP}return "done"
--- says nothing -> it returns 'done'
try:
    with engine.begin() as connection:
        {LIMIT}
        connection.execute(text(statement))
except OperationalError:
    print("gave up")
--- always gives up -> it returns 'done'
return "gave up"
--- five seconds -> its lock_timeout is 5 seconds
try:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        connection.execute(text(statement))
{GAVE_UP}return "done"
--- half an hour -> while a report is open
try:
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL lock_timeout = '30min'"))
        connection.execute(text(statement))
{GAVE_UP}return "done"
""",
)

RIGHT = {
    "lock-timeout": CAREFUL_RIGHT,
}
WRONG = {
    "lock-timeout": CAREFUL_WRONG,
}

"""The probes of the exercise about two cards: they call the learner's function."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from coursekit.exercises.checked_out import counted

EXIT = "SystemExit"


def moved_points(names: dict[str, Any], engine: Engine, moves: list[list[Any]]) -> dict[str, Any]:
    """Return each move's error, "" for none, and how many connections weren't returned."""
    said: list[str] = []
    held: list[Exception] = []  # as a log would hold them, with all that their frames refer to
    with counted(engine) as out:
        for giver, taker, points in moves:
            try:
                names["move"](engine, giver, taker, points)
            except SystemExit:
                said.append(EXIT)
            except Exception as error:  # a rejected move may raise any other error
                held.append(error)
                said.append(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
            else:
                said.append("")
        return {"errors": said, "kept": len(out)}


def moved_meanwhile(
    names: dict[str, Any], engine: Engine, giver: str, taker: str, points: int, added: int
) -> dict[str, Any]:
    """Move points while another session adds some to both cards, before the first change.

    If the function has locked the rows by then, the other session can't, and changes nothing.
    """
    other = create_engine(engine.url, poolclass=NullPool)
    tried: list[bool] = []

    def add(_connection: Any, _cursor: Any, sent: str, *_: Any) -> None:
        if not tried and not sent.lstrip().upper().startswith(("SELECT", "SHOW", "SET", "SAVE")):
            tried.append(False)
            tried[0] = _added(other, [giver, taker], added)

    event.listen(engine, "before_cursor_execute", add)
    try:
        names["move"](engine, giver, taker, points)
    except Exception as error:  # a serialization failure is a right answer, too
        return {"error": type(error).__name__, "added": tried == [True]}
    finally:
        event.remove(engine, "before_cursor_execute", add)
        other.dispose()
    return {"error": "", "added": tried == [True]}


def _added(other: Engine, cards: list[str], points: int) -> bool:
    """Add points to cards, unless they're locked; return whether that was possible."""
    sent = text("UPDATE public.cards SET points = points + :points WHERE name = ANY(:cards)")
    try:
        with other.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            connection.execute(sent, {"points": points, "cards": cards})
    except SQLAlchemyError:
        return False
    return True

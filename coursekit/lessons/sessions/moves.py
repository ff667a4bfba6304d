"""The probes of the exercise about two cards: they call the learner's function."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from coursekit.exercises.checked_out import counted

EXIT = "SystemExit"
STATEMENTS = 6  # of one move, at most, before which another session changes the cards


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
        return {"errors": said, "kept": len(out), "left": sorted(out.left)}


def moved_meanwhile(
    names: dict[str, Any], engine: Engine, giver: str, taker: str, added: int
) -> list[dict[str, Any]]:
    """Move one point several times, while another session adds some to both cards.

    It adds them before the function's first statement, the next time before its second, and so on.
    If the function has locked a row by then, the other session can't, and doesn't change that card.
    """
    other = create_engine(engine.url, poolclass=NullPool)
    done: list[dict[str, Any]] = []
    try:
        for place in range(1, STATEMENTS + 1):
            count, seen = 0, {"error": "", "added": [0, 0]}

            def add(*_: Any) -> None:
                nonlocal count
                count += 1
                if count == place:  # noqa: B023
                    seen["added"] = [_added(other, one, added) for one in (giver, taker)]  # noqa: B023

            event.listen(engine, "before_cursor_execute", add)
            try:
                names["move"](engine, giver, taker, 1)
            except Exception as error:  # a serialization failure is a right answer, too
                seen["error"] = type(error).__name__
            finally:
                event.remove(engine, "before_cursor_execute", add)
            done.append(seen)
            if count < place:
                break
    finally:
        other.dispose()
    return done


def _added(other: Engine, card: str, points: int) -> int:
    """Add points to a card, unless it's locked; return how many were added."""
    sent = text("UPDATE public.cards SET points = points + :points WHERE name = :card")
    try:
        with other.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            connection.execute(sent, {"points": points, "card": card})
    except SQLAlchemyError:
        return 0
    return points

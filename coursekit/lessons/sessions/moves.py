"""The probes of the exercise about two cards: they call the learner's function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Engine, NullPool, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from coursekit.exercises.checked_out import counted

EXIT = "SystemExit"
STATEMENTS = 6  # of one move, at most, before which another session changes the cards

ADD = "UPDATE public.cards SET points = points + :points WHERE name = :card"
RENAME = "UPDATE public.cards SET name = :new WHERE name = :old"


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
        kept = len(out)
    return {"errors": said, "kept": kept, "left": sorted(out.left)}


def moved_meanwhile(
    names: dict[str, Any], engine: Engine, giver: str, taker: str, added: int
) -> list[dict[str, Any]]:
    """Move one point several times, while another session adds some to both cards.

    It adds them before the function's first statement, the next time before its second, and so on.
    If the function has locked a row by then, the other session can't, and doesn't change that card.
    """
    done: list[dict[str, Any]] = []
    with _other_session(engine) as other:
        for place in range(1, STATEMENTS + 1):
            seen = {"error": "", "added": [0, 0]}

            def add() -> None:
                changes = ({"card": one, "points": added} for one in (giver, taker))
                seen["added"] = [added * _sent(other, ADD, each) for each in changes]  # noqa: B023

            reached, seen["error"] = _interrupted(names["move"], place, add)(
                engine, giver, taker, 1
            )
            done.append(seen)
            if not reached:
                break
    return done


def moved_without(names: dict[str, Any], engine: Engine, giver: str, taker: str, card: str) -> None:
    """Move one point several times, while another session renames one of the cards.

    It does so at each place as above, and undoes it after the move.
    """
    new = f"{card} (gone)"
    with _other_session(engine) as other:
        for place in range(1, STATEMENTS + 1):
            rename = partial(_sent, other, RENAME, {"old": card, "new": new})
            reached, _ = _interrupted(names["move"], place, rename)(engine, giver, taker, 1)
            _sent(other, RENAME, {"old": new, "new": card})
            if not reached:
                break


def _interrupted(
    move: Callable[..., Any], place: int, change: Callable[[], Any]
) -> Callable[..., tuple[bool, str]]:
    """Return `move` with a change before one of its statements.

    It returns whether it came to that statement, and its error's class, "" for none.
    """

    def interrupted(engine: Engine, *arguments: Any) -> tuple[bool, str]:
        count = 0

        def listener(*_: Any) -> None:
            nonlocal count
            count += 1
            if count == place:
                change()

        event.listen(engine, "before_cursor_execute", listener)
        try:
            move(engine, *arguments)
        except Exception as error:  # a serialization failure is a right answer, too
            return count >= place, type(error).__name__
        finally:
            event.remove(engine, "before_cursor_execute", listener)
        return count >= place, ""

    return interrupted


@contextmanager
def _other_session(engine: Engine) -> Iterator[Engine]:
    other = create_engine(engine.url, poolclass=NullPool)
    try:
        yield other
    finally:
        other.dispose()


def _sent(other: Engine, statement: str, values: dict[str, Any]) -> bool:
    """Change a card, unless it's locked; return whether it was changed."""
    try:
        with other.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '100ms'"))
            connection.execute(text(statement), values)
    except SQLAlchemyError:
        return False
    return True

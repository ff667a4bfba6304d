"""The probes of the exercise about get_db: requests, as FastAPI starts and ends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Integer, MetaData, Pool, Table, text
from sqlalchemy.orm import registry

from coursekit.exercises.left_behind import (
    changed_state,
    connection_state,
    listeners,
    watching,
)
from coursekit.exercises.sent_names import SentNames


class _Bug(Exception):
    """An exception in an endpoint."""


class _Cancelled(asyncio.CancelledError):
    """The end of a request whose client is gone."""


class _Unsaved:
    """An object that no session can save, because its table doesn't exist."""


registry().map_imperatively(
    _Unsaved, Table("tutorial_no_such_table", MetaData(), Column("id", Integer, primary_key=True))
)

AFTER, ERROR = "after the request", "after an error in the request"
CANCELLED, CLOSED = "when the request is cancelled", "when the generator is closed early"
REJECTED = "after the database has rejected a change"
UNSAVED = "after a request that has added an object that can't be saved"
UNSAVED_ERROR = "after an error in such a request"
UNSAVED_CLOSED = "when the generator of such a request is closed early"
ENDINGS: dict[str, Callable[[Any, BaseException], Any]] = {
    AFTER: lambda request, _bug: next(request),
    ERROR: lambda request, bug: request.throw(bug),
    CANCELLED: lambda request, bug: request.throw(bug),
    CLOSED: lambda request, _bug: request.close(),
    REJECTED: lambda request, bug: request.throw(bug),
    UNSAVED: lambda request, _bug: next(request),
    UNSAVED_ERROR: lambda request, bug: request.throw(bug),
    UNSAVED_CLOSED: lambda request, _bug: request.close(),
}
SECOND = "a second value"
FACTORY = "ExerciseSession"
ENGINES = "an engine for each request, which keeps its connection"


class _Settings(dict[str, Any]):
    """A factory's settings, which note what's changed."""

    def __init__(self, settings: dict[str, Any]) -> None:
        super().__init__(settings)
        self.changed: set[str] = set()

    def update(self, *others: Any, **values: Any) -> None:
        """Note what `configure` changes."""
        self.changed |= {f"{FACTORY}'s setting {name}" for name in dict(*others, **values)}
        super().update(*others, **values)


@dataclass
class _Request:
    """A request between two calls of a probe.

    The references keep the garbage collector from returning a connection to the pool.
    """

    generator: Generator[Any]
    session: Any
    connection: Any
    pooled: Any
    driver: Any  # the driver's connection, which `pooled` loses when it's returned
    pool: Pool


_held: list[_Request] = []
_left: set[str] = set()
_sent: list[SentNames] = []  # one, while requests are watched
_own_pools: list[Pool] = []  # of engines that aren't the exercise's, with open connections
_watching = ExitStack()


def watch(names: dict[str, Any]) -> None:
    """Start to note what the requests change in `ExerciseSession` and its engine."""
    release(names)  # a check that was interrupted may have left a request
    factory, engine = names.get(FACTORY), getattr(names.get("exercise"), "engine", None)
    if engine is not None:
        _sent[:] = [_watching.enter_context(watching(engine, _left))]
        _left.update(_changed_before(factory, engine))
    if isinstance(getattr(factory, "kw", None), dict):
        settings = factory.kw = _Settings(factory.kw)  # type: ignore[union-attr]
        _watching.callback(lambda: setattr(factory, "kw", dict(settings)))
        _watching.callback(lambda: _left.update(settings.changed))


def _changed_before(factory: Any, engine: Any) -> set[str]:
    """Return what differs in the factory from the one that the exercise has created."""
    from sqlalchemy.orm import sessionmaker

    if not isinstance(factory, sessionmaker):
        return set()
    usual = sessionmaker(bind=engine)
    names = {*usual.kw, *factory.kw} - {"bind"}  # after another `begin`, the engine is a new one
    settings = {name for name in names if factory.kw.get(name) != usual.kw.get(name)}
    own, others = listeners(factory()), listeners(usual())
    listened = {name for name in own if own[name] > others[name]}
    return {f"{FACTORY}'s setting {name}" for name in settings} | {
        f"{FACTORY}'s listener for {name}" for name in listened
    }


def start(names: dict[str, Any], mark: str) -> str:
    """Take a session, and send a statement with this mark; return what is wrong with it."""
    from sqlalchemy.orm import Session

    request = names["safe_get_db"]()
    if not isinstance(request, Generator):
        return f"a value of type {type(request).__name__}"
    session = next(request)
    if not isinstance(session, Session):
        return f"a value of type {type(session).__name__}"
    connection = session.connection()
    pooled = connection.connection
    driver, pool = pooled.driver_connection, connection.engine.pool
    _held.append(_Request(request, session, connection, pooled, driver, pool))
    connection.execute(text(f"SELECT pg_current_xact_id() AS {mark}"))
    return ""


def end(names: dict[str, Any], ending: str, message: str) -> str:
    """End the request that started last; return what the generator raised."""
    request = _held[-1]
    bug = _bug(request.session, ending, message)
    try:
        return _ended(request.generator, ending, bug, message)
    finally:
        _note_left(names, request)


def returned(names: dict[str, Any]) -> bool:
    """Return whether the pool has the connection of the request that ended last."""
    return _held[-1].pooled.dbapi_connection is None


def unused(names: dict[str, Any], message: str) -> str:
    """End a request with an error before it has used its session; return what was raised."""
    generator = names["safe_get_db"]()
    next(generator)
    return _ended(generator, ERROR, _Bug(message), message)


def _ended(generator: Any, ending: str, bug: BaseException, message: str) -> str:
    try:
        ENDINGS[ending](generator, bug)
        return "nothing" if ending in (CLOSED, UNSAVED_CLOSED) else SECOND
    except StopIteration:
        return "nothing"
    except BaseException as error:  # also what isn't an Exception
        return message if error is bug else f"{type(error).__name__}: {error}"


def _bug(session: Any, ending: str, message: str) -> BaseException:
    """Return the exception that ends a request."""
    if ending in (REJECTED, UNSAVED, UNSAVED_ERROR, UNSAVED_CLOSED):
        session.add(_Unsaved())
    if ending == REJECTED:
        try:
            session.flush()
        except Exception as error:
            return error
    return _Cancelled(message) if ending == CANCELLED else _Bug(message)


def _note_left(names: dict[str, Any], request: _Request) -> None:
    """Note what a connection was returned with."""
    if request.pooled.dbapi_connection is not None or request.driver.closed:
        return
    exercise = names.get("exercise")
    if exercise is not None and request.pool is not exercise.engine.pool:
        _own_pools.append(request.pool)
    new = request.pool.recreate()
    fresh = new.connect()
    try:
        sent = {name for names in _sent for name in names}
        states = (connection_state(one, sent) for one in (fresh.driver_connection, request.driver))
        _left.update(changed_state(*states))
    finally:
        fresh.close()
        new.dispose()


def release(names: dict[str, Any]) -> dict[str, Any]:
    """Close what the requests have left open; return what they shared, and what they changed."""
    held, _held[:] = [*_held], []
    for request in held:
        with suppress(Exception):
            request.generator.close()
        with suppress(Exception):
            request.session.close()
        with suppress(Exception):
            request.connection.close()
    _watching.close()
    if len({id(pool) for pool in _own_pools}) > 1:
        _left.add(ENGINES)
    seen = {"sessions": len({id(request.session) for request in held}), "left": sorted(_left)}
    _left.clear()
    _own_pools.clear()
    return seen

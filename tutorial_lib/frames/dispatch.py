"""The way of a request: its rows are copied where that is possible, else pandas reads them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import chain, islice
from math import inf
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import StatementError

from .copy_reader import Copy, Shape, put_aside, shape_of
from .query import explained, prints_text
from .readonly import Bind, ReadOnlyConnection, driver_of, lesson_spec, reading

if TYPE_CHECKING:
    import pandas as pd

    from .columns import Column

Frames = Generator["pd.DataFrame"]


@dataclass(frozen=True)
class Request:
    """What somebody wants to read, and in which form; see `frames.read`."""

    statement: Executable
    params: Mapping[str, Any]
    chunks: int | None
    backend: str | None


def read_frames(request: Request, bind: Bind) -> Frames:
    """The dataframes; a connection of the engine's is held until this is exhausted or closed.

    A caller's connection is given back before the first, so that it may be used meanwhile.
    """
    where = lesson_spec(bind, request.statement)
    try:
        with ExitStack() as held:
            place = held.enter_context(reading(where))
            with closing(_found(request, place)) as found:
                while (frame := _next(found)) is not None:
                    if place.lent:
                        held.close()
                    yield frame
    except StatementError as error:
        better = explained(error, lambda catalog: _names(where, catalog))
        raise better from (None if better is error else error)


def _names(where: Engine | Connection, catalog: str) -> list[str]:
    with reading(where) as place:
        return list(place.run(catalog).scalars())


def _next(found: Frames) -> pd.DataFrame | None:
    """The next dataframe, made while Python does not look for garbage.

    It would look through all new objects again and again, which doubles the time. Afterwards
    they are old at once, unless an application has frozen objects of its own.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        return next(found, None)
    finally:
        if enabled:
            if not gc.get_freeze_count():
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _found(request: Request, place: ReadOnlyConnection) -> Frames:
    if prints_text(request.statement):
        return _by_pandas(request, place)
    shape = shape_of(place, request.statement, request.params)
    # Without columns there is nothing to parse; Windows on Arm has no pyarrow yet.
    possible = shape.described and driver_of(place.connection).encoding == "UTF8"
    if not possible or request.backend == "numpy_nullable" or not _has_pyarrow():
        return _by_pandas(request, place)
    return _by_copy(request, place, shape)


@cache
def _has_pyarrow() -> bool:
    return find_spec("pyarrow") is not None


def _by_pandas(request: Request, place: ReadOnlyConnection) -> Frames:
    import pandas as pd

    if opening := place.take_opening():
        place.run(opening)
    statement: Any = request.statement
    options: dict[str, Any] = {"dtype_backend": request.backend} if request.backend else {}
    options |= {"params": dict(request.params) or None, "chunksize": request.chunks}
    found = pd.read_sql(statement, place.connection, **options)
    yield from ([found] if request.chunks is None else list(found))


def _by_copy(request: Request, place: ReadOnlyConnection, shape: Shape) -> Frames:
    from .tables import FEW, few, frames, tables

    make = _maker(request, place, shape)
    with Copy(place.connection, shape) as copy:
        blocks = copy.blocks()
        if request.chunks and place.lent:
            blocks = put_aside(blocks)
        elif not request.chunks and not request.backend:
            begin = list(islice(blocks, 2))
            if len(begin) == 1 and len(begin[0]) < FEW:
                yield few(begin[0], make(), shape.names)
                return
            blocks = chain(begin, blocks)
        yield from frames(tables(blocks, make()), make, shape.names, request.chunks or inf)


def _maker(request: Request, place: ReadOnlyConnection, shape: Shape) -> Callable[[], list[Column]]:
    """What makes empty columns for a dataframe, also when the connection is closed by then."""
    from .columns import ArrowColumn, Column
    from .values import processes_of

    kind = ArrowColumn if request.backend else Column
    cursor, dialect = driver_of(place.connection).cursor(), place.connection.dialect
    processes = processes_of(request.statement, shape, dialect, kind is ArrowColumn)
    both = list(zip(shape.described, processes, strict=True))
    return lambda: [kind(described, cursor, process) for described, process in both]

"""Dispatch a request: read its rows through COPY if possible, otherwise with pandas."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from math import inf
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Executable
from sqlalchemy.exc import DBAPIError, StatementError

from .copy_reader import Copy, Shape, buffered, shape_of, sqlalchemy_errors
from .drivers import driver_of
from .explain import explained
from .interrupts import interruptible
from .options import Options
from .outputs import assembler, of_pandas, without_columns
from .query import prints_text
from .readonly import AT_ONCE, ReadOnlyConnection, reading

if TYPE_CHECKING:
    import pandas as pd

    from .columns import Column

Frames = Generator["pd.DataFrame"]

FEW = 100  # rows that are read with the driver; for more, COPY is faster


@dataclass(frozen=True)
class Request:
    """The arguments of `frames.read`."""

    statement: Executable
    params: Mapping[str, Any]
    options: Options


def read_frames(request: Request, source: Engine | Connection) -> Frames:
    """Yield the DataFrames of a request.

    An engine's connection is held until the generator is exhausted or closed. A caller's
    connection is free again before the first DataFrame, so the caller can use it in between.
    """
    try:
        with ExitStack() as held:
            reader = held.enter_context(reading(source))
            with closing(_read(request, reader)) as found:
                while (frame := _next(found)) is not None:
                    if reader.lent:
                        held.close()
                    yield _reshaped(frame, request.options)
    except StatementError as error:
        statement, params = request.statement, request.params
        better = explained(error, statement, params, lambda catalog: _names(source, catalog))
        shown = better is not error and isinstance(error, DBAPIError)  # another one has values
        raise better from (error if shown else None)


def _reshaped(frame: pd.DataFrame, options: Options) -> pd.DataFrame:
    if not options.reshape:
        return frame
    from .shaping import reshaped

    return reshaped(frame, options)


def _names(source: Engine | Connection, catalog: str) -> list[str]:
    with reading(source) as reader:
        return list(reader.run(catalog).scalars())


def _next(found: Frames) -> pd.DataFrame | None:
    """Return the next DataFrame, or None; build it with garbage collection disabled.

    The collector would traverse all new objects repeatedly, which doubles the time. freeze and
    unfreeze then move them to the oldest generation, unless the application itself has frozen
    objects.
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


def _read(request: Request, reader: ReadOnlyConnection) -> Frames:
    options, to = request.options, request.options.to
    # Otherwise, the types depend on more than the driver's values.
    by_driver = to == "pandas" and not options.chunks and not options.backend
    shape = shape_of(reader, request.statement, request.params, FEW if by_driver else 0)
    if shape.names:
        options.check_columns(shape.names)
    if shape.rows:
        return _of_rows(shape, options)
    # A result without columns has nothing to parse. pyarrow has no wheels for Windows on Arm.
    if shape.described and (to != "pandas" or _is_fast(request, reader)):
        return _by_copy(request, reader, shape)
    if to != "pandas" and not prints_text(request.statement):
        return _without_columns(request, reader)
    return _by_pandas(request, reader)


def _of_rows(shape: Shape, options: Options) -> Frames:
    from .fetched import of_rows

    yield of_rows(shape.rows, shape.described, shape.names, options.coerce_float)


def _is_fast(request: Request, reader: ReadOnlyConnection) -> bool:
    in_utf8 = driver_of(reader.connection).in_utf8
    return in_utf8 and request.options.backend != "numpy_nullable" and _has_pyarrow()


@cache
def _has_pyarrow() -> bool:
    return find_spec("pyarrow") is not None


def _by_pandas(request: Request, reader: ReadOnlyConnection) -> Frames:
    import pandas as pd

    if opening := reader.take_opening():
        reader.run(opening)
    statement: Any = request.statement
    options: dict[str, Any] = (
        {"dtype_backend": request.options.backend} if request.options.backend else {}
    )
    options |= {"params": dict(request.params) or None, "chunksize": request.options.chunks}
    options["coerce_float"] = request.options.coerce_float

    def read() -> Any:
        found = pd.read_sql(statement, reader.connection, **options)
        return found if request.options.chunks is None else list(found)

    try:
        found = interruptible(driver_of(reader.connection), read)
        for frame in [found] if request.options.chunks is None else found:
            yield of_pandas(frame, request.options.to)
    except pd.errors.DatabaseError as error:  # pandas' wrapper of SQLAlchemy's error
        raise error.__cause__ or error from None


def _without_columns(request: Request, reader: ReadOnlyConnection) -> Frames:
    if opening := reader.take_opening():
        reader.run(opening)
    found = reader.connection.execute(
        request.statement, request.params, execution_options=AT_ONCE
    ).rowcount
    most = request.options.chunks or max(found, 1)
    for start in range(0, max(found, 1), most):
        yield without_columns(min(most, found - start), request.options.to)


def _by_copy(request: Request, reader: ReadOnlyConnection, shape: Shape) -> Frames:
    from .tables import frames, tables

    options, make = request.options, _column_factory(request, reader, shape)
    engine, first = reader.connection.engine, make()  # now, while the connection is open
    with sqlalchemy_errors(engine, shape.sql), Copy(reader.connection, shape) as copy:
        blocks = copy.blocks()
        if options.chunks and reader.lent:
            blocks = buffered(blocks)
        assemble = assembler(options.to)
        for columns in frames(tables(blocks, first), make, options.chunks or inf):
            yield assemble(columns, shape.names)


def _column_factory(
    request: Request, reader: ReadOnlyConnection, shape: Shape
) -> Callable[[], list[Column]]:
    """Return a factory of empty columns that also works after the connection is closed."""
    from .values import processes_of

    kind, driver = _column_of(request.options), driver_of(reader.connection)
    if request.options.to != "pandas":
        return lambda: [kind(described, driver, None) for described in shape.described]
    own_only, dialect = request.options.backend is not None, reader.connection.dialect
    processes = processes_of(request.statement, shape, dialect, own_only)
    both = list(zip(shape.described, processes, strict=True))
    return lambda: [kind(described, driver, process) for described, process in both]


def _column_of(options: Options) -> type[Column]:
    from .columns import ArrowColumn, Column, ExactColumn
    from .typed import PolarsColumn, TypedColumn

    if options.to != "pandas":
        return TypedColumn if options.to == "arrow" else PolarsColumn
    usual = Column if options.coerce_float else ExactColumn
    return ArrowColumn if options.backend else usual

"""A schema change: one attempt after the other, and what a failed one leaves behind."""

from __future__ import annotations

from contextlib import suppress

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..connections import autocommits
from ..sqlstates import sqlstate_of
from .attempt import attempt_connection
from .leftovers import Leftovers, leftovers_of
from .outcome import (
    ACTIVE_TRANSACTION,
    DUPLICATE_TABLE,
    INVALID_INDEX,
    Blocked,
    explain,
    outcome_of,
)
from .watch import Watch
from .work import Statement, run, sql_of


class Change:
    """A statement, and what its attempts have shown so far."""

    def __init__(self, engine: Engine, statement: Statement, limit: float, watch: Watch) -> None:
        self._engine, self._statement = engine, statement
        self._limit, self._watch = limit, watch
        self._sql = sql_of(statement, engine)
        self._autocommit = False  # until the server says that it must be
        self._leftovers: Leftovers | None = None
        # A function may use the driver itself.
        self._errors = (DBAPIError, engine.dialect.loaded_dbapi.Error)

    def attempt(self) -> None:
        """Run it once.

        Raises:
            Blocked: Another attempt may succeed.

        """
        try:
            self._run()
        except self._errors as error:
            if not self._must_autocommit(error):
                self._refuse(error)
                raise
        else:
            return
        self._autocommit = True
        self.attempt()

    def clean_up(self) -> str:
        """Drop what failed attempts have left, if that's possible; say what's true afterwards."""
        if not self._autocommit:
            return "and was rolled back"
        if not self._leftovers:
            return "outside a transaction, so a part of it may have been done"
        try:
            with attempt_connection(self._engine, self._watch, self._limit) as connection:
                connection.execution_options(isolation_level="AUTOCOMMIT")
                with suppress(DBAPIError):
                    self._leftovers.drop(connection)
                names = self._leftovers.names(connection)
        except SQLAlchemyError:
            return "and may have left an invalid index"
        drops = "; ".join(f"DROP INDEX CONCURRENTLY {name}" for name in names)
        return f"and has left an invalid index: {drops}" if names else "and has left nothing behind"

    def _run(self) -> None:
        with attempt_connection(self._engine, self._watch, self._limit) as connection:
            if self._autocommit:
                connection.execution_options(isolation_level="AUTOCOMMIT")
            try:
                if self._sql and autocommits(connection):
                    self._run_alone(connection)
                else:
                    run(connection, self._statement)
                connection.commit()
            except self._errors as error:
                if outcome := outcome_of(error, self._watch.current):
                    raise Blocked(outcome, error) from error
                raise

    def _run_alone(self, connection: Connection) -> None:
        """Run it outside a transaction, where a failure may leave an invalid index."""
        self._leftovers = left = self._leftovers or leftovers_of(self._sql, connection)
        if not left:
            run(connection, self._statement)
            return
        left.drop(connection)
        try:
            run(connection, self._statement)
        except DBAPIError as error:
            if sqlstate_of(error) == DUPLICATE_TABLE and left.names(connection):
                raise Blocked(INVALID_INDEX, error) from error
            raise
        if left.accepted(connection):
            raise Blocked(INVALID_INDEX)

    def _must_autocommit(self, error: Exception) -> bool:
        in_transaction = sqlstate_of(error) == ACTIVE_TRANSACTION and not self._autocommit
        return in_transaction and bool(self._sql)

    def _refuse(self, error: Exception) -> None:
        """Add to an error that isn't retried what its message doesn't say."""
        explain(error, is_function=not self._sql)
        if self._leftovers:
            error.add_note(f"with_lock_retries: it failed, {self.clean_up()}.")

"""Match a DataFrame's columns with a table's, and refuse what can't be written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Dialect

from ...errors import FrameError
from ..suggestions import similar
from .incoming import Incoming
from .kinds import Kind
from .model import Model, column_named, has_documents, process_of
from .target import Column, Target


@dataclass(frozen=True)
class Pair:
    """A column of the DataFrame, and the table's column it's written to.

    Attributes:
        incoming: The DataFrame's column.
        column: The table's.
        process: What the model's type does to each value, or None.
        documents: Whether a string in a json column is a value; otherwise it's JSON text.

    """

    incoming: Incoming
    column: Column
    process: Callable[[Any], Any] | None = None
    documents: bool = False


def match(
    incoming: Sequence[Incoming], target: Target, model: Model, dialect: Dialect
) -> list[Pair]:
    """Return which column is written to which.

    Raises:
        FrameError: A column can't be written, or one is missing.

    """
    found: dict[str, Pair] = {}
    for each in incoming:
        name = column_named(model, each.name)
        if name not in target.columns:
            raise _unknown(each.name, target, model)
        if name in found:
            both = f"{found[name].incoming.name} and {each.name}"
            raise FrameError(f"{both} are both the column {name}.", "", "Drop one of them.")
        found[name] = _pair(each, target.columns[name], model, dialect)
    _check_missing(found.keys(), target, model)
    return list(found.values())


def _pair(incoming: Incoming, column: Column, model: Model, dialect: Dialect) -> Pair:
    if column.generated or column.identity == "a" or not column.insertable:
        why = "It's GENERATED ALWAYS AS IDENTITY: PostgreSQL numbers the rows."
        if column.generated:
            why = "It's a generated column: PostgreSQL computes it from other columns."
        if not column.insertable:
            why = "The view computes it."
        do = f"Leave it out: df.drop(columns={incoming.name!r})."
        raise FrameError(f"The column {column.name} can't be written.", why, do)
    kind = model.types.get(column.name)
    documents = column.type.kind is Kind.JSON and has_documents(kind, dialect)
    return Pair(incoming, column, process_of(kind, dialect), documents)


def _unknown(name: str, target: Target, model: Model) -> FrameError:
    known = dict.fromkeys([*target.columns, *(model.renamed if model.types else ())])
    do = "Rename or drop it."
    if model.renamed.get(name):
        do = "The model has it, but the database doesn't: is there a migration to run?"
    return FrameError(f"{target.name} has no column {name}.", similar(name, known), do)


def _check_missing(given: Any, target: Target, model: Model) -> None:
    left = [column for column in target.columns.values() if column.name not in given]
    computed = [each.name for each in left if each.name in model.defaults and not each.filled]
    if computed:
        raise FrameError(
            f"The DataFrame has no column {', '.join(computed)}.",
            f"{model.label} has a default for it in Python, which only its own INSERTs use; the "
            "database has none.",
            "Add the column, or give the model a server_default.",
        )
    if model.discriminator and model.discriminator not in given:
        raise FrameError(
            f"The DataFrame has no column {model.discriminator}.",
            f"It tells {model.label} from the other classes in {target.name}.",
            "Add it.",
        )
    required = [column.name for column in left if column.required and not column.filled]
    if required and not target.filled and target.relkind != "v":
        names = ", ".join(required)
        several = len(required) > 1
        why = f"{'They are' if several else 'It is'} NOT NULL, without a default."
        raise FrameError(f"The DataFrame has no column {names}.", why, "Add it.")

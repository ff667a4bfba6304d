"""Bind parameters: check their names, convert their values, and expand lists for IN."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import BindParameter, Executable, bindparam, text
from sqlalchemy.sql import LambdaElement, TextClause, visitors
from sqlalchemy.types import NullType

from ..errors import FrameError
from .options import suggested
from .plain import array_literal, of_one_type, plain
from .sql_text import blank

# x IN :ids, x NOT IN :ids, x IN (:ids)
_IN = re.compile(
    r"(?<![\w$.:])(not\s+)?in\s*(\(\s*)?(?<![:\w\\]):([^\W\d]\w*)(?![\w:])(?(2)\s*\))",
    re.IGNORECASE,
)
_ANY = re.compile(
    r"(?<![\w$.:])(?:any|all|some)\s*\(\s*(?<![:\w\\]):([^\W\d]\w*)\s*\)", re.IGNORECASE
)
_PLACE = re.compile(r"(?<![:\w\\]):([^\W\d]\w*)(?![\w:])")
# IN () isn't SQL. These have its meaning for an empty list, whatever the type of x, and bind
# about as strongly as IN.
_EMPTY, _NOT_EMPTY = "OPERATOR(=) ANY ('{}')", "OPERATOR(<>) ALL ('{}')"
_OF_DRIVERS = re.compile(r"%s|%\((\w+)\)s|\$\d|\?")


def parameters_of(params: object, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all parameters; raise FrameError if params isn't a dict of them."""
    if params is None:
        return dict(values)
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        kind = type(params).__name__
        raise FrameError(
            f"params is of type {kind}, but parameters have names here.",
            "There are no %s, %(x)s, ? or $1: a parameter is written as :x.",
            'Write frames.read("... WHERE id = :x", con, x=1), or pass params={"x": 1}.',
        )
    if twice := params.keys() & values.keys():
        raise FrameError(f"The parameter :{min(twice)} has two values.", "One is in params.")
    return {**params, **values}


def bound(statement: Executable, values: Mapping[str, Any]) -> tuple[Executable, dict[str, Any]]:
    """Return a statement and its parameters' values, both ready for SQLAlchemy.

    Values in the statement itself, such as in `User.id == numpy.int64(1)`, are converted, too.

    Raises:
        FrameError: A value has no parameter, or can't be sent.

    """
    parameters = _parameters(statement)
    named = {key: one for key, one in parameters.items() if not one.unique}
    if not isinstance(statement, LambdaElement):  # its parameters are known later
        check_names(values, named, statement)
    defaults = {key: one.value for key, one in named.items() if one.value is not None}
    defaults |= getattr(statement, "_params", {})  # of select().params()
    try:
        converted = {
            name: plain(value, name, _is_typed(parameters.get(name)))
            for name, value in {**defaults, **values}.items()
        }
    except RecursionError:
        raise FrameError("The value of a parameter is nested too deeply.") from None
    inside = {
        key: found
        for key, one in parameters.items()
        if one.unique and (found := plain(one.value, "in the query", True)) is not one.value
    }
    if inside:
        statement = _with_values(statement, inside)
    if any(isinstance(value, list | tuple) for value in converted.values()):
        return _with_lists(statement, converted)
    return statement, converted


def _with_values(statement: Executable, values: Mapping[str, Any]) -> Executable:
    """Return a copy in which parameters without a name of their own have other values."""
    tree: Any = statement

    def replace(parameter: BindParameter[Any]) -> None:
        parameter.value = values.get(parameter.key, parameter.value)

    options = {"maintain_key": True, "detect_subquery_cols": True}
    copy: Executable = visitors.cloned_traverse(tree, options, {"bindparam": replace})
    return copy


def check_names(given: Iterable[str], known: Collection[str], statement: Executable) -> None:
    """Raise FrameError for a value that the query has no parameter for."""
    for name in set(given) - set(known):
        names = ", ".join(f":{each}" for each in sorted(known)) or "none"
        do = suggested(name)
        if not do and _OF_DRIVERS.search(getattr(statement, "text", "")):
            do = f"A parameter is written as :{name}, not as %({name})s, %s, ? or $1."
        raise FrameError(f"The query has no parameter :{name}.", f"Its parameters: {names}.", do)


def _parameters(tree: Any) -> dict[str, BindParameter[Any]]:
    return {one.key: one for one in visitors.iterate(tree) if isinstance(one, BindParameter)}


def _is_typed(parameter: BindParameter[Any] | None) -> bool:
    return parameter is not None and not isinstance(parameter.type, NullType)


def not_a_list(statement: Executable, values: Mapping[str, Any]) -> str:
    """Return the name of a parameter that comes after IN without a list as its value, or ""."""
    sql = statement.text if isinstance(statement, TextClause) else ""
    found = (each[3] for each in _IN.finditer(blank(sql)) if not each[2])
    return next((name for name in found if name in values and name + "_list" not in values), "")


def _with_lists(
    statement: Executable, values: Mapping[str, Any]
) -> tuple[Executable, dict[str, Any]]:
    """Make lists fit `IN :ids` and `= ANY(:ids)` where a statement is text."""
    tree: Any = statement
    clauses = [one for one in visitors.iterate(tree) if isinstance(one, TextClause)]
    expanded: dict[str, Any] = {}
    edited = {id(clause): _expanded(clause, values, expanded) for clause in clauses}
    if any(edited[id(clause)] is not clause for clause in clauses):
        tree = visitors.replacement_traverse(tree, {}, lambda element, **_: edited.get(id(element)))
    left = _parameters(tree).items()
    arrays = {key: _array(one, edited.values(), values) for key, one in left if key in values}
    return tree, {**arrays, **expanded}


def _expanded(
    clause: TextClause, values: Mapping[str, Any], expanded: dict[str, Any]
) -> TextClause:
    """Return a text in which a list behind IN has a parameter that SQLAlchemy expands.

    It has another name, because SQLAlchemy caches statements by their text.
    """
    parameters = _parameters(clause)
    pieces, place = [], 0
    for found in _IN.finditer(blank(clause.text)):
        name, value = found[3], values.get(found[3])
        if not isinstance(value, list | tuple) or parameters[name].expanding:
            continue
        pieces.append(clause.text[place : found.start()])
        place = found.end()
        if not value:
            pieces.append(_NOT_EMPTY if found[1] else _EMPTY)
            continue
        new = f"{name}_list"
        while new in parameters and new not in expanded:
            new += "_"
        pieces.append(f"{'NOT ' if found[1] else ''}IN :{new}")
        expanded[new] = list(value)
    if not pieces:
        return clause
    changed = text("".join([*pieces, clause.text[place:]]))
    kept = [one for key, one in parameters.items() if _places(key, changed.text)]
    added: list[BindParameter[Any]] = [
        bindparam(name, expanding=True) for name in expanded if _places(name, changed.text)
    ]
    return changed.bindparams(*kept, *added).execution_options(**clause.get_execution_options())


def _places(name: str, sql: str) -> int:
    return sum(found[1] == name for found in _PLACE.finditer(blank(sql)))


def _array(
    parameter: BindParameter[Any], clauses: Iterable[TextClause], values: Mapping[str, Any]
) -> Any:
    """Return the value of a parameter that isn't expanded; a list as an array of one type."""
    name, value = parameter.key, values[parameter.key]
    if _is_typed(parameter) or parameter.expanding or not isinstance(value, list | tuple):
        return value
    texts = [blank(clause.text) for clause in clauses]
    compared = sum(found[1] == name for sql in texts for found in _ANY.finditer(sql))
    if not compared:
        return of_one_type(value) if isinstance(value, list) else value
    strings = all(each is None or isinstance(each, str) for each in value)
    if strings and value and compared == sum(_places(name, sql) for sql in texts):
        return array_literal(value)  # the other operand decides on its type: uuid, an enum
    return of_one_type(list(value))

"""Sort PostgreSQL's types into the kinds that values are encoded for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a type's values are, so which Python values fit it."""

    WHOLE = auto()
    REAL = auto()
    REAL4 = auto()
    NUMERIC = auto()
    BOOL = auto()
    TEXT = auto()
    DATE = auto()
    TIME = auto()
    TIMETZ = auto()
    TIMESTAMP = auto()
    TIMESTAMPTZ = auto()
    INTERVAL = auto()
    UUID = auto()
    BYTES = auto()
    JSON = auto()
    RANGE = auto()
    MULTIRANGE = auto()
    HSTORE = auto()
    VECTOR = auto()
    ARRAY = auto()
    OTHER = auto()


BY_OID = {
    16: Kind.BOOL,
    17: Kind.BYTES,
    **dict.fromkeys((20, 21, 23, 26), Kind.WHOLE),
    **{700: Kind.REAL4, 701: Kind.REAL},
    **dict.fromkeys((790, 1700), Kind.NUMERIC),
    **dict.fromkeys((18, 19, 25, 1042, 1043), Kind.TEXT),
    **dict.fromkeys((114, 3802), Kind.JSON),
    **{1082: Kind.DATE, 1083: Kind.TIME, 1266: Kind.TIMETZ, 1186: Kind.INTERVAL},
    **{1114: Kind.TIMESTAMP, 1184: Kind.TIMESTAMPTZ, 2950: Kind.UUID},
}
BY_NAME = {  # types of extensions, whose OIDs differ between databases
    "citext": Kind.TEXT,
    "hstore": Kind.HSTORE,
    **dict.fromkeys(("vector", "halfvec"), Kind.VECTOR),
}
BY_TYPTYPE = {"r": Kind.RANGE, "m": Kind.MULTIRANGE}


@dataclass(frozen=True)
class Type:
    """A type of PostgreSQL, without the domains around it.

    Attributes:
        kind: What its values are; ARRAY for arrays.
        oid: Its OID.
        element: The type of an array's elements.
        delimiter: What separates an array's elements.

    """

    kind: Kind
    oid: int
    element: Type | None = None
    delimiter: str = ","


def type_of(oid: int, name: str, typtype: str) -> Type:
    """Return a type that isn't an array."""
    other = BY_NAME.get(name, BY_TYPTYPE.get(typtype, Kind.OTHER))
    return Type(BY_OID.get(oid, other), oid)

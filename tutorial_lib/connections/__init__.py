"""Which database a caller means, and how to use its connection without leaving anything behind."""

from .binds import Bind, check_driver, check_usable, engine_of, is_bind, source_of, usable
from .readonly import read_only
from .separate import autocommits, separate_connection

__all__ = [
    "Bind",
    "autocommits",
    "check_driver",
    "check_usable",
    "engine_of",
    "is_bind",
    "read_only",
    "separate_connection",
    "source_of",
    "usable",
]

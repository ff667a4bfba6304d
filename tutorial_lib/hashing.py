"""Hash passwords with argon2 and verify them.

This module knows nothing of lessons; it can be lifted into an application as it is.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

with warnings.catch_warnings():
    # passlib 1.7.4 imports the crypt module, which Python 3.11 and 3.12 announce to go.
    warnings.filterwarnings("ignore", "'crypt' is deprecated", DeprecationWarning)
    # It also asks argon2-cffi for its version in a way that is deprecated, once, when it is
    # first used. That is now: a filter around each hash would not be safe among threads.
    warnings.filterwarnings("ignore", "Accessing argon2.__version__", DeprecationWarning)
    from passlib.context import CryptContext
    from passlib.hash import argon2

    argon2.get_backend()  # type: ignore[no-untyped-call]

# RFC 9106, section 4, second recommended option: argon2id, 64 MiB, 3 passes, 4 lanes.
# It stands above OWASP's minimum (19 MiB, 2 passes, 1 lane).
RFC_9106: Mapping[str, str | int] = {
    "type": "ID",
    "memory_cost": 65536,
    "time_cost": 3,
    "parallelism": 4,
}
# For tests of what happens around a hash, never for a password that somebody uses.
CHEAP: Mapping[str, str | int] = {"type": "ID", "memory_cost": 8, "time_cost": 1, "parallelism": 1}


def make_context(costs: Mapping[str, str | int]) -> CryptContext:
    """A passlib context that hashes with argon2 at the given costs."""
    settings: dict[str, Any] = {f"argon2__{name}": value for name, value in costs.items()}
    return CryptContext(schemes=["argon2"], **settings)


pwd_context = make_context(RFC_9106)


class NotAHashError(ValueError):
    """The second argument of verify_password is no argon2 hash."""


def get_password_hash(password: str) -> str:
    """The argon2id hash of `password`, 97 characters, with a new random salt each time.

    Raises ValueError for an empty password and for what passlib cannot hash: a NUL
    character, or more than 4096 characters.
    """
    if not password:
        raise ValueError("An empty password cannot be hashed; ask for one.")
    return str(pwd_context.hash(password))


def verify_password(plain_password: str, hashed_password: str) -> bool:
    """Whether `plain_password` is the one that `hashed_password` was made from.

    Raises NotAHashError when the second argument is no hash, which is what happens when
    the two are given in the wrong order; ValueError for more than 4096 characters.
    """
    if not pwd_context.identify(hashed_password):
        raise NotAHashError(
            "The second argument is not an argon2 hash. "
            "verify_password takes the plain password first and the hash second."
        )
    return bool(pwd_context.verify(plain_password, hashed_password))

"""Hash passwords with argon2 and verify them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

with warnings.catch_warnings():
    # passlib 1.7.4 imports the crypt module, which is deprecated in Python 3.11 and 3.12.
    warnings.filterwarnings("ignore", "'crypt' is deprecated", DeprecationWarning)
    # On first use, it also reads argon2-cffi's version in a deprecated way. get_backend() does
    # that now, because a warning filter around each hash wouldn't be thread-safe.
    warnings.filterwarnings("ignore", "Accessing argon2.__version__", DeprecationWarning)
    from passlib.context import CryptContext
    from passlib.hash import argon2

    argon2.get_backend()  # type: ignore[no-untyped-call]

# RFC 9106, section 4, second recommended option: argon2id, 64 MiB, 3 passes, 4 lanes.
# It exceeds OWASP's minimum (19 MiB, 2 passes, 1 lane).
RFC_9106: Mapping[str, str | int] = {
    "type": "ID",
    "memory_cost": 65536,
    "time_cost": 3,
    "parallelism": 4,
}
# For tests only, never for a real password.
CHEAP: Mapping[str, str | int] = {"type": "ID", "memory_cost": 8, "time_cost": 1, "parallelism": 1}


def make_context(costs: Mapping[str, str | int]) -> CryptContext:
    """Return a passlib context that hashes with argon2 at the given cost parameters."""
    settings: dict[str, Any] = {f"argon2__{name}": value for name, value in costs.items()}
    return CryptContext(schemes=["argon2"], **settings)


pwd_context = make_context(RFC_9106)


class NotAHashError(ValueError):
    """The second argument of verify_password isn't an argon2 hash."""


def get_password_hash(password: str) -> str:
    """Return the argon2id hash of a password: 97 characters, with a new random salt.

    Raises:
        ValueError: The password is empty, contains a NUL character, or has more than 4096
            characters.

    """
    if not password:
        raise ValueError("An empty password cannot be hashed; ask for one.")
    return str(pwd_context.hash(password))


def verify_password(plain_password: str, hashed_password: str) -> bool:
    """Return whether `hashed_password` is a hash of `plain_password`.

    Raises:
        NotAHashError: The second argument isn't a hash, for example because the arguments are
            in the wrong order.
        ValueError: The password has more than 4096 characters.

    """
    if not pwd_context.identify(hashed_password):
        raise NotAHashError(
            "The second argument is not an argon2 hash. "
            "verify_password takes the plain password first and the hash second."
        )
    return bool(pwd_context.verify(plain_password, hashed_password))

"""Hash passwords with argon2 and verify them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, cast

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
# It exceeds OWASP's minimum (19 MiB, 2 passes, 1 lane). All three costs are named, because
# passlib compares the number of passes only if it's set.
RFC_9106: Mapping[str, str | int] = {
    "type": "ID",
    "memory_cost": 65536,
    "time_cost": 3,
    "parallelism": 4,
}
# For tests only, never for a real password.
CHEAP: Mapping[str, str | int] = {"type": "ID", "memory_cost": 8, "time_cost": 1, "parallelism": 1}


class HashedPassword(str):
    """A string that's already a hash: computed here, or read from the database.

    The Python type decides, not the format of the string: a password that happens to look
    like a hash is still a password.
    """


class PasswordContext(CryptContext):
    """A passlib context that returns its hashes as `HashedPassword`."""

    def hash(
        self,
        secret: str | bytes,
        scheme: str | None = None,
        category: str | None = None,
        **kwds: Any,
    ) -> HashedPassword:
        """Return the hash of a password, with a new random salt."""
        return HashedPassword(super().hash(secret, scheme=scheme, category=category, **kwds))


def make_context(costs: Mapping[str, str | int]) -> PasswordContext:
    """Return a passlib context that hashes with argon2 at the given cost parameters."""
    settings: dict[str, Any] = {f"argon2__{name}": value for name, value in costs.items()}
    return PasswordContext(schemes=["argon2"], deprecated="auto", **settings)


pwd_context = make_context(RFC_9106)


class NotAHashError(ValueError):
    """The second argument of verify_password isn't an argon2 hash."""


def get_password_hash(password: str) -> HashedPassword:
    """Return the argon2id hash of a password: 97 characters, with a new random salt.

    A `HashedPassword` is returned as it is, because a hash of a hash would lock the user out.

    Raises:
        ValueError: The password is empty, contains a NUL character, or has more than 4096
            characters.

    """
    if isinstance(password, HashedPassword):
        return password
    if not password:
        raise ValueError("The password is empty; ask the user for one.")
    return pwd_context.hash(password)


def verify_password(plain_password: str, hashed_password: str | None) -> bool:
    """Return whether `hashed_password` is a hash of `plain_password`.

    None, for a user who doesn't exist, is never right; finding that out takes as long as
    verifying, so the time doesn't show who has an account.

    Raises:
        NotAHashError: The second argument isn't a hash, for example because the arguments are
            in the wrong order.
        ValueError: The password has more than 4096 characters.

    """
    _require_hash(hashed_password)
    return bool(pwd_context.verify(plain_password, hashed_password))


def verify_and_update(
    plain_password: str, hashed_password: str | None
) -> tuple[bool, HashedPassword | None]:
    """Verify a password; if it's right and the hash has other costs than today's, hash it again.

    Returns:
        Whether the password is right, and the new hash to store, or None if there is none.

    Raises:
        NotAHashError: The second argument isn't a hash.
        ValueError: The password has more than 4096 characters.

    """
    _require_hash(hashed_password)
    result = pwd_context.verify_and_update(plain_password, hashed_password)
    return cast("tuple[bool, HashedPassword | None]", result)


def _require_hash(hashed_password: str | None) -> None:
    if hashed_password is not None and not pwd_context.identify(hashed_password):
        raise NotAHashError(
            "The second argument is not an argon2 hash. "
            "verify_password takes the plain password first and the hash second."
        )

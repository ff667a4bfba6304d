"""Hash passwords with argon2 and verify them."""

from passlib.context import CryptContext


class HashedPassword(str):
    """A string that's already a hash."""


class PasswordContext(CryptContext):
    """A passlib context that returns its hashes as HashedPassword."""

    def hash(self, secret, **options):
        return HashedPassword(super().hash(secret, **options))


pwd_context = PasswordContext(
    schemes=["argon2"],
    deprecated="auto",
    argon2__type="ID",
    argon2__memory_cost=65536,
    argon2__time_cost=3,
    argon2__parallelism=4,
)


def get_password_hash(password):
    if isinstance(password, HashedPassword):
        return password  # a hash of a hash would lock the user out
    if not password:
        raise ValueError("The password is empty; ask the user for one.")
    return pwd_context.hash(password)


def verify_password(plain_password, hashed_password):
    return pwd_context.verify(secret=plain_password, hash=hashed_password)


def verify_and_update(plain_password, hashed_password):
    return pwd_context.verify_and_update(secret=plain_password, hash=hashed_password)

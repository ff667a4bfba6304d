"""Hash passwords with argon2 and verify them."""

from passlib.context import CryptContext

pwd_context = CryptContext(schemes=["argon2"])


def get_password_hash(password):
    return pwd_context.hash(password)


def verify_password(plain_password, hashed_password):
    return pwd_context.verify(secret=plain_password, hash=hashed_password)

"""Passwords that look like hashes."""

from __future__ import annotations

import string
from random import Random

HEX = string.hexdigits[:16]
BASE64 = f"{string.ascii_letters}{string.digits}+/"
CRYPT = f"{string.ascii_letters}{string.digits}./"
# Hashes as different programs write them; each part is an alphabet, and a number of letters.
LOOKALIKES: tuple[tuple[str, tuple[tuple[str, int], ...]], ...] = (
    ("$argon2id$v=19$m=65536,t=3,p=4${}${}", ((BASE64, 22), (BASE64, 43))),  # as in the lesson
    ("$argon2id$v=19$m=65536,t=3,p=4${}${}", ((BASE64, 43), (BASE64, 86))),
    ("$argon2i$v=19$m=512,t=2,p=2${}${}", ((BASE64, 22), (BASE64, 43))),
    ("$2b$12${}", ((CRYPT, 53),)),
    ("$2y$10${}", ((CRYPT, 53),)),
    ("$6${}${}", ((CRYPT, 16), (CRYPT, 86))),
    ("$pbkdf2-sha256$29000${}${}", ((CRYPT, 22), (CRYPT, 43))),
    ("pbkdf2_sha256$600000${}${}=", ((CRYPT, 22), (BASE64, 43))),
    ("{}", ((HEX, 32),)),  # MD5
    ("{}", ((HEX, 64),)),  # SHA-256
    ("{}", ((HEX, 128),)),  # SHA-512
)


def hash_lookalikes(random: Random) -> list[str]:
    """Return passwords that could be hashes, judging by their form."""
    return [
        form.format(*("".join(random.choices(letters, k=size)) for letters, size in parts))
        for form, parts in LOOKALIKES
    ]

"""Hashing and verifying passwords."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tutorial_lib import hashing


def test_a_hash_verifies_its_own_password_and_no_other() -> None:
    hashed = hashing.get_password_hash("correct horse")
    assert hashing.verify_password("correct horse", hashed)
    assert not hashing.verify_password("wrong horse", hashed)


def test_the_costs_are_those_of_rfc_9106() -> None:
    hashed = hashing.get_password_hash("x")
    assert hashed.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert len(hashed) == 97


def test_the_same_password_never_hashes_alike() -> None:
    assert hashing.get_password_hash("x") != hashing.get_password_hash("x")


def test_arguments_in_the_wrong_order_are_reported() -> None:
    hashed = hashing.get_password_hash("canary")
    with pytest.raises(hashing.NotAHashError) as caught:
        hashing.verify_password(hashed, "canary")
    assert str(caught.value) == (
        "The second argument is not an argon2 hash. "
        "verify_password takes the plain password first and the hash second."
    )


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(ValueError, match="The password is empty; ask the user for one"):
        hashing.get_password_hash("")


def test_any_text_of_any_language_can_be_a_password() -> None:
    for password in (" ", "🔑", "p@ss:w/o%rd#", "x" * 4096, "$argon2id$v=19$"):
        assert hashing.verify_password(password, hashing.get_password_hash(password))


def test_the_cheap_profile_is_argon2_as_well() -> None:
    context = hashing.make_context(hashing.CHEAP)
    assert context.hash("x").startswith("$argon2id$v=19$m=8,t=1,p=1$")


def test_no_warning_reaches_a_caller_that_makes_them_errors() -> None:
    code = "from tutorial_lib.hashing import *; verify_password('x', get_password_hash('x'))"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)

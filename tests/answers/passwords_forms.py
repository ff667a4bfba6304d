"""Answers to `unicode-password`: right ones, and the wrong ones people give.

Names begin with the kind of answer: a constant (K1), one that works for the example only (K2), a
swallowed error (K4), spaces, case and accents (K5), lost characters (K6), objects that deceive the
check (K14).
"""

from __future__ import annotations

from support.samples import Wrong

FORMS = """import unicodedata
from tutorial_lib.hashing import CHEAP, make_context

practice_context = make_context(CHEAP)

def sign_up(password):
    return practice_context.hash({})

def sign_in(typed, stored):
    return practice_context.verify({}, stored)
"""


def _forms(up: str, come: str) -> str:
    """Return an answer to `unicode-password`: what is hashed, and what is verified."""
    return FORMS.format(up, come)


def _both(changed: str) -> str:
    """Return the same change to a string `{}` for both sides."""
    return _forms(changed.format("password"), changed.format("typed"))


NFC = "unicodedata.normalize('NFC', {})"
WITHOUT_ACCENTS = "''.join(c for c in unicodedata.normalize('NFD', {}) if c.isascii())"
LATIN = """
LETTERS = {unicodedata.normalize("NFD", chr(code)): chr(code) for code in range(192, 256)}

def one_form(password):
    for two, one in LETTERS.items():
        password = password.replace(two, one)
    return password

"""
FORMS_RIGHT = (
    _both("unicodedata.normalize('NFD', {})"),
    _both("unicodedata.normalize('NFKC', {})"),
    _both("unicodedata.normalize('NFKD', {})"),
    _both(f"{NFC}.encode('utf-8')"),
    # K12: argon2-cffi
    """
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)

def one_form(password):
    return unicodedata.normalize("NFC", password).encode("utf-8")

def sign_up(password):
    return hasher.hash(one_form(password))

def sign_in(typed, stored):
    try:
        return hasher.verify(stored, one_form(typed))
    except VerifyMismatchError:
        return False
""",
    # K12: hashes from before are accepted, too
    _both(NFC).replace(
        "', typed), stored)", "', typed), stored) or practice_context.verify(typed, stored)"
    ),
    # K13: slow
    _both(NFC).replace("    return", "    __import__('time').sleep(0.2)\n    return"),
)
FORMS_WRONG = (
    Wrong(
        "what was signed up is kept as it is, and sign_in tries both forms",
        _forms("password", "typed").replace(
            "    return practice_context.verify(typed, stored)",
            "    forms = [unicodedata.normalize(form, typed) for form in ('NFC', 'NFD')]\n"
            "    return any(practice_context.verify(form, stored) for form in forms)",
        ),
        "which form does sign_up hash",
    ),
    Wrong(
        "NFKC and NFC",
        _forms("unicodedata.normalize('NFKC', password)", NFC.format("typed")),
        "which form does sign_up hash",
    ),
    Wrong(
        "K5: a tab is a space",
        _both(f"' '.join({NFC}.split('\t'))"),
        "with extra or different spaces",
    ),
    Wrong(
        "K5: what can't be printed doesn't count",
        _both(f"''.join(c for c in {NFC} if c.isprintable())"),
        "with extra or different spaces",
    ),
    Wrong(
        "K5: with caps lock, too",
        _both(NFC).replace(
            "', typed), stored)",
            "', typed), stored) or practice_context.verify(typed.swapcase(), stored)",
        ),
        "lower case instead of capitals",
    ),
    *(
        Wrong(
            f"K5: or {name}",
            _both(NFC).replace(
                "', typed), stored)",
                f"', typed), stored) or practice_context.verify({changed}, stored)",
            ),
            says,
        )
        for name, changed, says in (
            ("without outer spaces", "typed.strip()", "with extra or different spaces"),
            ("with a space at the end", "typed + ' '", "cut off at the end: refused"),
            ("in lower case", "typed.lower()", "lower case instead of capitals, or the reverse"),
            ("without accents", WITHOUT_ACCENTS.format("typed"), "or with one more: refused"),
        )
    ),
    *(
        Wrong(f"K6: {name}", _both(NFC + changed), says)
        for name, changed, says in (
            ("a newline at the end", ".rstrip('\\r\\n')", "with extra or different spaces"),
            ("no-break spaces", ".replace('\u00a0', ' ')", "with extra or different spaces"),
            ("ß is ss", ".replace('ß', 'ss')", "they're hashes of the password"),
            ("what can't be seen", ".replace('\u200b', '')", "they're hashes of the password"),
            ("digits", ".replace('²', '2')", "they're hashes of the password"),
            ("the first 200 characters", "[:200]", "cut off at the end: refused"),
        )
    ),
    Wrong("as before", _forms("password", "typed"), "signed up with one character"),
    Wrong("sign_in only", _forms("password", NFC.format("typed")), "signed in with one"),
    Wrong("sign_up only", _forms(NFC.format("password"), "typed"), "signed in with two"),
    Wrong(
        "two different forms",
        _forms(NFC.format("password"), "unicodedata.normalize('NFD', typed)"),
        "which form does sign_up hash",
    ),
    Wrong(
        "the result isn't used",
        _both("[unicodedata.normalize('NFC', {0}), {0}][1]"),
        "which form does sign_up hash",
    ),
    Wrong(
        "K2: é only",
        _both("{}.replace('e\\u0301', 'é')"),
        "which form does sign_up hash",
    ),
    Wrong(
        "K2: the letters of Latin-1 only",
        f"import unicodedata\n{LATIN}" + _both("one_form({})"),
        "which form does sign_up hash",
    ),
    Wrong(
        "K1: refuses everyone",
        _forms(NFC.format("password"), "''"),
        "signed up with one character",
    ),
    Wrong(
        "K1: accepts everyone",
        _both(NFC).replace("return practice_context.verify", "return True or "),
        "lower case instead of capitals",
    ),
    Wrong(
        "K5: capitals don't count",
        _both(f"{NFC}.casefold()"),
        "lower case instead of capitals",
    ),
    Wrong(
        "K5: accents are left out",
        _both("unicodedata.normalize('NFD', {}).encode('ascii', 'ignore')"),
        "without the accents, or with one more: refused",
    ),
    Wrong(
        "K5: accents are removed",
        _both(WITHOUT_ACCENTS),
        "without the accents, or with one more: refused",
    ),
    Wrong(
        "K5: spaces are left out", _both(f"{NFC}.strip()"), "without the space in front: refused"
    ),
    Wrong(
        "K5: two spaces count as one",
        _both("__import__('re').sub(' +', ' ', unicodedata.normalize('NFC', {}))"),
        "with extra or different spaces",
    ),
    Wrong("K6: the first 40 characters", _both(f"{NFC}[:40]"), "cut off at the end: refused"),
    Wrong(
        "K14: a string that begins with anything",
        "class Hash(str):\n    startswith = lambda self, *_: True\n\n"
        + _both(NFC).replace("practice_context.hash", "Hash"),
        "sign_up returns argon2 hashes",
    ),
    Wrong(
        "K14: a context that accepts everyone",
        _both(NFC).replace(
            "def sign_up",
            "practice_context.verify = lambda typed, stored: True\n\ndef sign_up",
        ),
        "lower case instead of capitals",
    ),
    Wrong(
        "K14: an object that's equal to everything",
        "class Equal:\n    def __eq__(self, other):\n        return True\n\n"
        + _both(NFC).replace("return practice_context.verify", "return Equal() or "),
        "sign_in",
    ),
    Wrong(
        "the other way round",
        _both(NFC).replace("'NFC', typed), stored", "'NFC', stored), typed"),
        "the order of the arguments",
    ),
    Wrong(
        "K4: every error is a no",
        _both(NFC).replace(
            "    return practice_context.verify(unicodedata.normalize('NFC', typed), stored)",
            "    try:\n        return practice_context.verify(stored, typed)\n"
            "    except ValueError:\n        return False",
        ),
        "signed up with one character",
    ),
    Wrong(
        "verified, not returned",
        _both(NFC).replace("return practice_context.verify", "practice_context.verify"),
        "is there a `return` in every branch",
    ),
    Wrong(
        "sign_up returns nothing",
        _both(NFC).replace("return practice_context.hash", "practice_context.hash"),
        "sign_up: return the hash",
    ),
    Wrong(
        "counts its calls",
        """
calls = []

def sign_up(password):
    return "$argon2id$of-no-password"

def sign_in(typed, stored):
    calls.append(typed)
    return len(calls) <= 2
""",
        "sign_in",
    ),
    Wrong(
        "remembers the passwords",
        """
import unicodedata
kept = {}

def sign_up(password):
    name = f"$argon2id${len(kept)}"
    kept[name] = unicodedata.normalize("NFC", password)
    return name

def sign_in(typed, stored):
    return kept[stored] == unicodedata.normalize("NFC", typed)
""",
        "they're hashes of the password",
    ),
    Wrong(
        "no hash",
        _both(NFC).replace("practice_context.hash", "str"),
        "sign_up returns argon2 hashes",
    ),
    Wrong(
        "other parameters",
        _both(NFC).replace("def sign_in(typed, stored)", "def sign_in(stored)"),
        "keep the parameters that the exercise gives",
    ),
)

RIGHT = {"unicode-password": FORMS_RIGHT}
WRONG = {"unicode-password": FORMS_WRONG}

"""The former ids of lessons and exercises, which contained numbers, and their slugs.

A workspace from such an edition has `01.1` in progress.json, `01-1` in the names of projects and
of cells, `01_1` in the names of databases. This table maps them to slugs, whatever number a lesson
has now. It never changes: newer lessons and exercises have had a slug from the start.
"""

from __future__ import annotations

# By the lesson's former number: its slug, and those of its exercises 1, 2 and 3.
TABLE = {
    "00": ("start-here",),
    "01": ("connect", "url-for-any-password", "who-answered", "missing-setting"),
    "02": ("sessions", "uncommitted-user", "both-or-none", "get-db-closes"),
    "03": ("alembic-init", "migrations-folder", "url-and-metadata", "percent-in-ini"),
    "04": ("passwords", "hash-and-verify", "rehash-at-login", "unicode-password"),
    "05": ("the-user-model", "nullable-columns", "unique-email", "no-way-around-the-hash"),
    "06": ("the-first-revision", "non-empty-draft", "rename-keeps-values", "enum-downgrade"),
    "07": ("upgrade", "upgrade-to-revision", "column-round-trip", "mistake-already-applied"),
    "08": ("query-into-dataframes", "names-and-emails", "search-for-a-string", "exact-amounts"),
    "09": (
        "change-the-schema",
        "column-for-every-order",
        "missed-by-autogenerate",
        "payment-round-trip",
    ),
    "10": ("history", "restored-backup", "merge-two-heads", "lost-revision"),
    "11": ("move-data", "not-empty-and-true", "batches-and-restarts", "two-versions-one-table"),
    "12": ("without-stopping-the-site", "lock-timeout", "no-negative-amount", "invalid-index"),
    "13": ("in-ci", "failing-round-trip", "test-that-notices", "two-deployments"),
    "14": ("capstone", "split-addresses", "one-account-per-email", "split-name-online"),
}
SLUGS = {
    f"{number}.{position}" if position else number: slug
    for number, slugs in TABLE.items()
    for position, slug in enumerate(slugs)
}
FORMER = {slug: former for former, slug in SLUGS.items()}


def current_id(former: str) -> str:
    """Return the slug for a former id, written `06.1`, `06-1` or `06_1`; any other id as it is."""
    return SLUGS.get(former.replace("-", ".").replace("_", "."), former)


def former_key(slug: str) -> str:
    """Return the former id as projects and databases had it, `06-1`; "" if there was none."""
    return FORMER.get(slug, "").replace(".", "-")

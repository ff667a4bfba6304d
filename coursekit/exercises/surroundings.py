"""List what a database contains besides tables: what a migration must not leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coursekit.exercises.database import Database

FIRST = 16384  # the oids below belong to PostgreSQL itself
# Each returns oids, names and further properties. Nothing is compared here; see `schema.py`.
CATALOGS = {
    "schema": "SELECT oid, nspname FROM pg_catalog.pg_namespace",
    "function": "SELECT oid, proname FROM pg_catalog.pg_proc",
    "extension": "SELECT oid, extname FROM pg_catalog.pg_extension",
    "trigger": "SELECT oid, tgname FROM pg_catalog.pg_trigger WHERE NOT tgisinternal",
    "rule": "SELECT oid, rulename FROM pg_catalog.pg_rewrite",
    "statistics": "SELECT oid, stxname FROM pg_catalog.pg_statistic_ext",
    "comment": "SELECT objoid, description FROM pg_catalog.pg_description",
    "view": "SELECT oid, relname FROM pg_catalog.pg_class WHERE relkind OPERATOR(pg_catalog.=) 'v' "
    "OR relkind OPERATOR(pg_catalog.=) 'm'",
    "privileges, storage or row security of": "SELECT oid, relname, relpersistence, "
    "relrowsecurity, relacl, reloptions FROM pg_catalog.pg_class "
    "WHERE relkind OPERATOR(pg_catalog.=) 'r'",
    "setting": "SELECT d.oid, s.setconfig FROM pg_catalog.pg_db_role_setting s "
    "JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase "
    "WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()",
}
HIDDEN = ("pg_", "_RETURN")
PLAIN = ("p", False, None, None)  # an ordinary table, as CREATE TABLE creates it


def surroundings(database: Database) -> set[str]:
    """Return what the database contains, except for tables as CREATE TABLE creates them."""
    return {
        " ".join([kind, str(name), *(str(one) for one in about if one not in (None, False, "p"))])
        for kind, catalog in CATALOGS.items()
        for oid, name, *about in database.query(catalog)
        if oid >= FIRST and not str(name).startswith(HIDDEN) and tuple(about) != PLAIN
    }

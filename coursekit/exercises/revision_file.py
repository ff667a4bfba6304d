"""Write a revision file as text, as exercises start with one."""

from __future__ import annotations


def revision_file(
    number: str, message: str, upgrade: str, downgrade: str, *, follows: str = ""
) -> dict[str, str]:
    """Return a revision file, path in the project to source; see `revision_source`."""
    source = revision_source(number, message, upgrade, downgrade, follows=follows)
    return {f"alembic/versions/{number}_{message.replace(' ', '_')}.py": source}


def revision_source(
    number: str, message: str, upgrade: str, downgrade: str, *, follows: str = ""
) -> str:
    """Return the source of a revision.

    Args:
        number: Its id.
        message: Its first line, as after `-m`.
        upgrade: The body of `upgrade()`, indented by four.
        downgrade: The body of `downgrade()`, indented by four.
        follows: Its down_revision; by default the number before its own.

    """
    follows = follows or f"{int(number) - 1:04}"
    return f'''"""{message}

Revision ID: {number}
Revises: {follows}

"""
from alembic import op
import sqlalchemy as sa


revision: str = '{number}'
down_revision: str = '{follows}'


def upgrade() -> None:
{upgrade.rstrip()}


def downgrade() -> None:
{downgrade.rstrip()}
'''

"""Connection details: how to open a lesson's database in another tool."""

from __future__ import annotations

from sqlalchemy import Engine

from coursekit import connection_details
from coursekit.servers.server import Server
from tutorial_lib.db import make_engine


def test_names_the_origin_of_the_server(engine: Engine, server: Server) -> None:
    assert connection_details(engine).origin == server.origin


def test_a_server_that_settings_do_not_name_is_another_one(
    external: object, engine: Engine
) -> None:
    elsewhere = make_engine(engine.url.set(host="localhost"))
    assert connection_details(elsewhere).origin == "another server"


def test_shows_no_password(engine: Engine) -> None:
    details = connection_details(engine)
    assert details.rows["psql"] == f"python3 start.py db psql {engine.url.database}"
    for shown in (repr(details), details._repr_html_()):
        assert str(engine.url.password) not in shown

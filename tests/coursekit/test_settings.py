"""Settings: which server is meant, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.course.workspace import identity
from coursekit.settings import ROOT, read_settings
from tutorial_lib.errors import SettingsError

PARTS = {
    "DATABASE_HOST": "db.example",
    "DATABASE_PORT": "5433",
    "DATABASE_USERNAME": "ann",
    "DATABASE_PASSWORD": "canary",
    "DATABASE_NAME": "shop",
}
NOWHERE = Path("no-such.env")


def shown(environ: dict[str, str], dotenv: Path = NOWHERE) -> str:
    """The whole URL that an environment gives, password included."""
    url = read_settings(environ, dotenv).url
    assert url is not None
    return url.render_as_string(hide_password=False)


def refused(environ: dict[str, str]) -> str:
    """The message for an environment that cannot be used; never with the password in it."""
    with pytest.raises(SettingsError) as caught:
        read_settings(environ, NOWHERE)
    assert "canary" not in str(caught.value)
    return str(caught.value)


def test_nothing_set_means_no_url() -> None:
    assert read_settings({}, NOWHERE).url is None


def test_five_parts_make_one_url() -> None:
    assert shown(PARTS) == "postgresql+psycopg2://ann:canary@db.example:5433/shop"


def test_every_character_of_a_password_survives() -> None:
    password = "p@s:s/w%20#?ü 'x"
    url = read_settings({**PARTS, "DATABASE_PASSWORD": password}, NOWHERE).url
    assert url is not None
    assert url.password == password


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_the_usual_schemes_all_mean_psycopg2(scheme: str) -> None:
    url = f"{scheme}://ann:p%40ss@db.example:5433/shop?sslmode=require"
    expected = "postgresql+psycopg2://ann:p%40ss@db.example:5433/shop?sslmode=require"
    assert shown({"DATABASE_URL": url}) == expected


def test_a_url_wins_over_parts() -> None:
    environ = {**PARTS, "DATABASE_URL": "postgresql://bob:x@other/one"}
    assert shown(environ) == "postgresql+psycopg2://bob:x@other/one"


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DATABASE_URL=postgresql://file:x@file/file\n")
    assert shown(PARTS, dotenv) == "postgresql+psycopg2://ann:canary@db.example:5433/shop"


def test_the_file_completes_the_environment(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("".join(f"{k}={v}\n" for k, v in PARTS.items() if "PASSWORD" not in k))
    expected = "postgresql+psycopg2://ann:secret@db.example:5433/shop"
    assert shown({"DATABASE_PASSWORD": "secret"}, dotenv) == expected


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("DATABASE_URL=postgresql://file:x@file/file\n")
    assert shown({}, dotenv) == "postgresql+psycopg2://file:x@file/file"


def test_an_empty_password_may_be_meant() -> None:
    assert shown({**PARTS, "DATABASE_PASSWORD": ""}) == (
        "postgresql+psycopg2://ann:@db.example:5433/shop"
    )


def test_a_part_set_names_all_that_is_missing() -> None:
    assert refused({"DATABASE_HOST": "db.example", "DATABASE_PASSWORD": "canary"}) == (
        "DATABASE_HOST and DATABASE_PASSWORD are set, "
        "but DATABASE_PORT and DATABASE_USERNAME and DATABASE_NAME are not. "
        "Half an address would reach some other server than the one you mean. "
        "Set what is missing, or set none of them to use the kit's own server."
    )


@pytest.mark.parametrize("port", ["5432x", "0", "65536", "-1", "٣"])
def test_a_port_is_a_number_of_a_port(port: str) -> None:
    assert refused({**PARTS, "DATABASE_PORT": port}) == (
        f"DATABASE_PORT is {port!r}. A port is a number from 1 to 65535. "
        "PostgreSQL's usual port is 5432."
    )


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://ann:canary@h/d", "begins with mysql://, which this kit does not use"),
        ("postgresql+psycopg://ann:canary@h/d", "begins with postgresql+psycopg://"),
        ("postgresql+asyncpg://ann:canary@h/d", "begins with postgresql+asyncpg://"),
        ("postgresql://ann:p@canary@h/d", "has an @ too many"),
        ("postgresql://ann:p@canary/x@h/d", "has an @ too many"),
        ("postgresql://ann:canary@h:port/d", "cannot be read"),
        ("canary", "cannot be read"),
        ("postgresql://ann:canary@h", "names no database"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_the_form_that_does(url: str, what: str) -> None:
    message = refused({"DATABASE_URL": url})
    assert message.startswith(f"DATABASE_URL {what}")
    assert (
        "The form that works is postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE" in message
    )


def test_an_unknown_origin_is_refused_with_those_there_are() -> None:
    assert refused({"TUTORIAL_POSTGRES": "docker"}) == (
        "TUTORIAL_POSTGRES is 'docker'. "
        "It names where PostgreSQL comes from: embedded, external, container. "
        "Set it to one of these, or leave it out."
    )


def test_settings_never_show_the_password() -> None:
    settings = read_settings(PARTS, NOWHERE)
    assert "canary" not in f"{settings!r} {settings}"


def test_the_workspace_lies_in_the_clone_and_the_data_does_not() -> None:
    settings = read_settings({}, NOWHERE)
    assert settings.workspace == ROOT / "workspace"
    assert ROOT not in settings.data.parents


def test_a_workspace_can_be_moved(tmp_path: Path) -> None:
    moved = read_settings({"TUTORIAL_WORKSPACE": str(tmp_path)}, NOWHERE)
    assert moved.workspace == tmp_path.resolve()


def test_two_workspaces_never_share_database_names(tmp_path: Path) -> None:
    assert identity(tmp_path / "a") != identity(tmp_path / "b")
    assert identity(tmp_path / "a") == identity(tmp_path / "a")


def test_a_relative_folder_is_meant_from_the_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings({"TUTORIAL_DATA": "data"}, NOWHERE).data == ROOT / "data"


@pytest.mark.parametrize("origin", ["embedded", "container"])
def test_an_address_that_is_not_used_is_not_read(origin: str) -> None:
    environ = {"DATABASE_URL": "mysql://ann@h/d", "TUTORIAL_POSTGRES": origin}
    assert read_settings(environ, NOWHERE).url is None


@pytest.mark.parametrize("query", ["password=canary", "dbname=other", "host=a&host=b", "user=bob"])
def test_what_belongs_before_the_question_mark_is_refused_behind_it(query: str) -> None:
    message = refused({"DATABASE_URL": f"postgresql://ann@h/d?{query}"})
    assert message.startswith("DATABASE_URL holds user, password, port or database")

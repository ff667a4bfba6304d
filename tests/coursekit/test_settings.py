"""Settings: how they're read, and which values are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from coursekit.course.workspace import identity
from coursekit.settings import ROOT, default_kernels, read_settings
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
    """Return the URL from an environment, including the password."""
    url = read_settings(environ, dotenv).url
    assert url is not None
    return url.render_as_string(hide_password=False)


def refused(environ: dict[str, str]) -> str:
    """Return the message for an invalid environment; it never shows the password."""
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
def test_all_common_schemes_mean_psycopg2(scheme: str) -> None:
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


def test_an_empty_password_is_allowed() -> None:
    assert shown({**PARTS, "DATABASE_PASSWORD": ""}) == (
        "postgresql+psycopg2://ann:@db.example:5433/shop"
    )


def test_an_incomplete_set_names_all_missing_variables() -> None:
    assert refused({"DATABASE_HOST": "db.example", "DATABASE_PASSWORD": "canary"}) == (
        "DATABASE_HOST and DATABASE_PASSWORD are set, "
        "but DATABASE_PORT and DATABASE_USERNAME and DATABASE_NAME are not. "
        "An incomplete set could reach a different server from the one you mean. "
        "Set the missing ones too, or unset them all."
    )


@pytest.mark.parametrize("port", ["5432x", "0", "65536", "-1", "٣"])
def test_an_invalid_port_is_refused(port: str) -> None:
    assert refused({**PARTS, "DATABASE_PORT": port}) == (
        f"DATABASE_PORT is {port!r}. A port is a number from 1 to 65535. "
        "PostgreSQL's default port is 5432."
    )


@pytest.mark.parametrize(
    ("url", "what"),
    [
        (
            "mysql://ann:canary@h/d",
            "starts with mysql://, not with postgresql:// or postgresql+psycopg2://",
        ),
        ("postgresql+psycopg://ann:canary@h/d", "starts with postgresql+psycopg://"),
        ("postgresql+asyncpg://ann:canary@h/d", "starts with postgresql+asyncpg://"),
        ("postgresql://ann:p@canary@h/d", "has too many @ characters"),
        ("postgresql://ann:p@canary/x@h/d", "has too many @ characters"),
        ("postgresql://ann:canary@h:port/d", "isn't a valid URL"),
        ("canary", "isn't a valid URL"),
        ("postgresql://ann:canary@h", "has no database name"),
    ],
)
def test_an_invalid_url_is_refused_with_the_right_form(url: str, what: str) -> None:
    message = refused({"DATABASE_URL": url})
    assert message.startswith(f"DATABASE_URL {what}")
    assert "Write postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE" in message


def test_an_unknown_origin_is_refused_with_a_list_of_the_known_ones() -> None:
    assert refused({"TUTORIAL_POSTGRES": "docker"}) == (
        "TUTORIAL_POSTGRES is 'docker'. "
        "It names where PostgreSQL comes from: embedded, external, container. "
        "Set it to one of these, or unset it."
    )


def test_an_unknown_kind_of_kernel_is_refused() -> None:
    message = (
        "TUTORIAL_KERNEL is 'warm'. It names how a notebook's kernel starts: forked, default. "
        "Set it to one of these, or unset it."
    )
    assert refused({"TUTORIAL_KERNEL": "warm"}) == message
    with pytest.raises(SettingsError) as caught:
        default_kernels({"TUTORIAL_KERNEL": "warm"}, NOWHERE)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [("TUTORIAL_POSTGRES", "own", "external"), ("TUTORIAL_KERNEL", "usual", "default")],
)
@pytest.mark.parametrize("source", ["environment", ".env"])
def test_a_renamed_value_is_refused_with_its_new_name(
    tmp_path: Path, source: str, name: str, old: str, new: str
) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"{name}={old}\n" if source == ".env" else "")
    with pytest.raises(SettingsError) as caught:
        read_settings({name: old} if source == "environment" else {}, dotenv)
    assert str(caught.value) == (
        f"{name} is {old!r}, which is called {new!r} now. The course's settings were renamed. "
        f"Set {name}={new}, in the environment or in `.env`."
    )


@pytest.mark.parametrize(("value", "expected"), [("", False), ("forked", False), ("default", True)])
def test_the_kind_of_kernel_is_a_setting(tmp_path: Path, value: str, expected: bool) -> None:
    (tmp_path / ".env").write_text(f"TUTORIAL_KERNEL={value}\n")
    environ = {"TUTORIAL_KERNEL": value}
    assert read_settings(environ, NOWHERE).kernel == (value or None)
    assert default_kernels(environ, NOWHERE) is expected
    assert default_kernels({}, tmp_path / ".env") is expected


def test_the_kind_of_kernel_needs_no_other_setting() -> None:
    environ = {"TUTORIAL_KERNEL": "default", "DATABASE_HOST": "db.example"}
    assert default_kernels(environ, NOWHERE) is True


def test_settings_never_show_the_password() -> None:
    settings = read_settings(PARTS, NOWHERE)
    assert "canary" not in f"{settings!r} {settings}"


def test_the_workspace_is_in_the_clone_and_the_data_is_not() -> None:
    settings = read_settings({}, NOWHERE)
    assert settings.workspace == ROOT / "workspace"
    assert ROOT not in settings.data.parents


def test_a_workspace_can_be_moved(tmp_path: Path) -> None:
    moved = read_settings({"TUTORIAL_WORKSPACE": str(tmp_path)}, NOWHERE)
    assert moved.workspace == tmp_path.resolve()


def test_two_workspaces_never_share_database_names(tmp_path: Path) -> None:
    assert identity(tmp_path / "a") != identity(tmp_path / "b")
    assert identity(tmp_path / "a") == identity(tmp_path / "a")


def test_a_relative_folder_starts_at_the_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_settings({"TUTORIAL_DATA": "data"}, NOWHERE).data == ROOT / "data"


@pytest.mark.parametrize("origin", ["embedded", "container"])
def test_a_url_that_is_not_used_is_not_read(origin: str) -> None:
    environ = {"DATABASE_URL": "mysql://ann@h/d", "TUTORIAL_POSTGRES": origin}
    assert read_settings(environ, NOWHERE).url is None


@pytest.mark.parametrize("query", ["password=canary", "dbname=other", "host=a&host=b", "user=bob"])
def test_a_query_string_with_a_user_password_or_database_is_refused(query: str) -> None:
    message = refused({"DATABASE_URL": f"postgresql://ann@h/d?{query}"})
    assert message.startswith("DATABASE_URL has a user, password, port, database")

"""The `tutorial` command, as you run it in a shell."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import typer

from coursekit import cli
from coursekit.servers import credentials
from coursekit.servers.embedded import EmbeddedServer
from coursekit.servers.ports import free_port
from coursekit.servers.server import Server
from support.command import Tutorial

CANARY = "canary-7f3a"


@pytest.fixture
def tutorial(capfd: pytest.CaptureFixture[str]) -> Tutorial:
    """Run the command in this process; the console script has its own test."""
    return Tutorial(capfd)


def script(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the console script."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("tutorial")), *words],
        env={**os.environ, "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
    )


def commands() -> list[tuple[list[str], str]]:
    """Every command with its arguments and its documentation."""
    app = typer.main.get_command(cli.app)
    found = []
    for name, command in app.commands.items():  # type: ignore[attr-defined]
        below = getattr(command, "commands", None)
        if below is None:
            found.append(([name], command.help or ""))
        else:
            found += [([name, part], inner.help or "") for part, inner in below.items()]
    return found


@pytest.mark.parametrize(("words", "text"), commands(), ids=lambda value: str(value)[:20])
def test_every_command_has_help_with_an_example(words: list[str], text: str) -> None:
    assert f"Example: python3 start.py {' '.join(words)}" in text


def test_help_lists_the_commands() -> None:
    shown = script("--help").stdout
    assert [
        word for word in ("lab", "doctor", "verify", "refresh", "db") if word not in shown
    ] == []


@pytest.mark.parametrize("words", [[], ["db"]])
def test_help_cuts_no_sentence_off(words: list[str], tutorial: Tutorial) -> None:
    assert "..." not in tutorial(*words, "--help", COLUMNS="80").stdout.split("Commands:")[1]


def test_the_server_is_started_shown_and_stopped(tmp_path: Path, tutorial: Tutorial) -> None:
    home = str(tmp_path / "server")
    assert tutorial("db", "status", TUTORIAL_SERVER_HOME=home).stdout.splitlines() == [
        "PostgreSQL (embedded) isn't running. To start it: python3 start.py db start",
        f"Its folder: {home}",
    ]
    started = tutorial("db", "start", TUTORIAL_SERVER_HOME=home).stdout
    assert started.startswith("PostgreSQL 18.6 (embedded) is running at 127.0.0.1:")
    assert "is running at 127.0.0.1:" in tutorial("db", "status", TUTORIAL_SERVER_HOME=home).stdout
    assert tutorial("db", "stop", TUTORIAL_SERVER_HOME=home).stdout == "PostgreSQL is stopped.\n"
    assert tutorial("db", "stop", TUTORIAL_SERVER_HOME=home).stdout == "It wasn't running.\n"
    assert not [p for p in psutil.process_iter(["cmdline"]) if home in str(p.info["cmdline"])]


def test_the_url_hides_the_password_by_default(server: Server, tutorial: Tutorial) -> None:
    url = server.url.set(drivername="postgresql")  # the name other tools use
    assert tutorial("db", "url").stdout.strip() == str(url)
    shown = tutorial("db", "url", "--show-password").stdout.strip()
    assert shown == url.render_as_string(hide_password=False)
    assert tutorial("db", "url", "other").stdout.strip().endswith("/other")


def test_psql_opens_on_the_server_without_asking_for_a_password(server: Server) -> None:
    command = [str(Path(sys.executable).with_name("tutorial")), "db", "psql", "postgres"]
    done = subprocess.run(
        command, input="SELECT current_database() || '!';", capture_output=True, text=True
    )
    assert "postgres!" in done.stdout


def test_an_own_server_is_not_stopped(external: object, tutorial: Tutorial) -> None:
    done = tutorial("db", "stop")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "DATABASE_* names an external server. The kit stops only what it started. "
        "Stop it with its own tools.\n"
    )


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({"DATABASE_URL": f"postgresql://learner:{CANARY}@127.0.0.1:PORT/tutorial"},
         "It doesn't accept this user name and password."),
        ({"DATABASE_URL": f"postgresql://ann:{CANARY}@no-such-host.invalid/shop"},
         "No such host exists."),
        ({"DATABASE_URL": f"postgresql://ann:{CANARY}@127.0.0.1:1/shop"},
         "No server is listening on that port."),
        ({"DATABASE_URL": f"mysql://ann:{CANARY}@127.0.0.1/shop"},
         "starts with mysql://, not with postgresql:// or postgresql+psycopg2://."),
        ({"DATABASE_HOST": "h", "DATABASE_PASSWORD": CANARY},
         "but DATABASE_PORT and DATABASE_USERNAME and DATABASE_NAME are not."),
        ({"DATABASE_PORT": "x", "DATABASE_HOST": "h", "DATABASE_USERNAME": "u",
          "DATABASE_PASSWORD": CANARY, "DATABASE_NAME": "d"}, "DATABASE_PORT is 'x'."),
    ],
)  # fmt: skip
def test_an_error_is_one_paragraph(
    environ: dict[str, str], message: str, server: Server, tutorial: Tutorial
) -> None:
    at = {name: value.replace("PORT", str(server.url.port)) for name, value in environ.items()}
    done = tutorial("db", "url", TUTORIAL_POSTGRES="", **at)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert message in done.stderr
    assert CANARY not in done.stderr


def test_a_data_folder_that_cannot_be_made_is_one_paragraph(
    tmp_path: Path, tutorial: Tutorial
) -> None:
    (tmp_path / "file").write_text("in the way")
    done = tutorial("db", "start", TUTORIAL_SERVER_HOME=str(tmp_path / "file" / "server"))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "server: Not a directory." in done.stderr


def test_an_unknown_lesson_is_one_paragraph(tutorial: Tutorial) -> None:
    done = tutorial("verify", "77")
    assert done.returncode == 1
    assert done.stderr.startswith("There is no lesson '77'.")


def test_no_command_shows_or_stores_the_password(tmp_path: Path, tutorial: Tutorial) -> None:
    home = tmp_path / "server"
    home.mkdir(mode=0o700)
    credentials.save(home / "server.json", credentials.Credentials(free_port(), CANARY))
    environ = {"TUTORIAL_SERVER_HOME": str(home), "TUTORIAL_WORKSPACE": str(tmp_path / "space")}
    try:
        said = [
            tutorial(*words, **environ)
            for words in (("db", "start"), ("db", "status"), ("db", "url"), ("doctor",))
        ]
        code = "from coursekit import start; print(start('01'))"
        said.append(subprocess.run([sys.executable, "-c", code], env={**os.environ, **environ},
                                   capture_output=True, text=True))  # fmt: skip
    finally:
        EmbeddedServer(home).stop()
    assert all(done.returncode == 0 for done in said), said
    assert not [done for done in said if CANARY in done.stdout + done.stderr]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    holding = [path.name for path in files if CANARY.encode() in path.read_bytes()]
    assert holding == ["server.json"]

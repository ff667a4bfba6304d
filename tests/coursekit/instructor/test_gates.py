"""The gates: each way in which a green run would prove nothing is refused."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

import pytest

from coursekit.errors import NotebookError
from coursekit.instructor import gates

COUNT = {"execution_count": 1}
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
REFRESH = "Run: python3 start.py refresh 01"
CHECKOUT = "Get it back with: git checkout notebooks/01_small.ipynb"
MAGICS = "Use one of: %alembic, %pytest, %squawk, %xmode, %%writefile."
HIDDEN = "A comment in it tells nbval to skip or ignore it. Remove the comment."
SWALLOWED = (
    "cell 1: A failure of %alembic may be caught here and go unnoticed. "
    "Move it out of the try, suppress or function."
)


def printed(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def shown(mime: str, value: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {mime: value}}


def failed(evalue: str, *traceback: str, ename: str = "OSError") -> dict[str, Any]:
    parts = {"ename": ename, "evalue": evalue, "traceback": list(traceback)}
    return {"output_type": "error", **parts}


def cell(kind: str, source: str, **parts: Any) -> dict[str, Any]:
    ident = secrets.token_hex(4)
    return {"cell_type": kind, "id": ident, "metadata": {}, "source": source, **parts}


def code(source: str = "print(2)", *outputs: Any, count: Any = 1, tags: Any = ()) -> dict[str, Any]:
    """A code cell after a run; without outputs passed, it has printed 2."""
    stored = list(outputs) or [printed("2\n")]
    metadata = {"tags": tags} if tags else {}
    return cell("code", source, execution_count=count, outputs=stored, metadata=metadata)


def prose(source: str = "# 01 · Small", **parts: Any) -> dict[str, Any]:
    return cell("markdown", source, **parts)


def saved(folder: Path, *cells: Any, **changes: Any) -> Path:
    """Return a file with these cells; `changes` are applied to the top level of its JSON."""
    path = folder / "01_small.ipynb"
    form = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": KERNEL}}
    path.write_text(json.dumps({"cells": cells, **form, **changes}), encoding="utf-8")
    return path


def refusals(folder: Path, *cells: Any, **changes: Any) -> list[str]:
    return [str(finding) for finding in gates.check(saved(folder, *cells, **changes))]


def test_lets_a_good_notebook_pass(tmp_path: Path) -> None:
    error = failed("no such table", "OSError: no such table")
    cells = (
        prose(),
        code("%xmode Minimal\n%alembic upgrade head"),
        code("%%writefile models.py\nclass Base: ...", count=2),
        code("raise OSError('no such table')", error, count=3, tags=["raises-exception"]),
    )
    assert refusals(tmp_path, *cells) == []


def test_a_picture_in_the_prose_is_allowed(tmp_path: Path) -> None:
    picture = {"tables.png": {"image/png": "iVBORw0KGgo="}}
    cells = prose("![two tables](attachment:tables.png)", attachments=picture), code()
    assert refusals(tmp_path, *cells) == []


# Cells that were never run


def test_refuses_a_cell_that_was_never_run(tmp_path: Path) -> None:
    assert refusals(tmp_path, code(), code(count=None)) == [
        f"cell 2: It was never run, so its output isn't compared. {REFRESH}"
    ]


def test_refuses_cells_that_were_run_out_of_order(tmp_path: Path) -> None:
    assert refusals(tmp_path, code(count=2), code(count=1)) == [
        f"cell 1: Its count is 2: it was run out of order. {REFRESH}",
        f"cell 2: Its count is 1: it was run out of order. {REFRESH}",
    ]


def test_prose_between_the_cells_is_not_counted(tmp_path: Path) -> None:
    cells = code(), prose("And then:"), code(count=7)
    assert refusals(tmp_path, *cells) == [
        f"cell 2: Its count is 7: it was run out of order. {REFRESH}"
    ]


@pytest.mark.parametrize("source", ["", " \n\t\n"])
def test_refuses_an_empty_code_cell(source: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(), code(source, count=2)) == ["cell 2: It's empty. Remove it."]


def test_refuses_a_notebook_without_code(tmp_path: Path) -> None:
    assert refusals(tmp_path, prose()) == ["It has no code cell, so a run proves nothing. Add one."]


def test_refuses_a_notebook_without_cells(tmp_path: Path) -> None:
    assert refusals(tmp_path) == ["It has no code cell, so a run proves nothing. Add one."]


def test_refuses_a_raw_cell(tmp_path: Path) -> None:
    assert refusals(tmp_path, code(), cell("raw", "print(3)")) == [
        "It has a raw cell, which is neither run nor rendered. Make it code or Markdown."
    ]


def test_refuses_stripped_outputs(tmp_path: Path) -> None:
    stripped = code(), code(count=2)
    for each in stripped:
        each["outputs"] = []
    assert refusals(tmp_path, *stripped) == [f"All its outputs were stripped. {REFRESH}"]


# Files that aren't notebooks


def test_refuses_an_old_format(tmp_path: Path) -> None:
    assert refusals(tmp_path, code(), nbformat_minor=4) == [
        f"Its format is too old for cell ids. {REFRESH}"
    ]


@pytest.mark.parametrize(("major", "minor"), [(5, 0), ("4", 5), (4, None), (None, 5)])
def test_refuses_a_format_that_it_does_not_know(major: Any, minor: Any, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(), nbformat=major, nbformat_minor=minor) == [
        f"Its format is {major}.{minor}, not 4.5. {CHECKOUT}"
    ]


def test_refuses_another_kernel(tmp_path: Path) -> None:
    metadata = {"kernelspec": {"name": "my-env", "display_name": "Mine"}}
    assert refusals(tmp_path, code(), metadata=metadata) == [
        f"Its kernel is 'my-env', not 'python3'. {REFRESH}"
    ]


def test_refuses_a_notebook_that_names_no_kernel(tmp_path: Path) -> None:
    assert refusals(tmp_path, code(), metadata={}) == [
        f"Its kernel is None, not 'python3'. {REFRESH}"
    ]


@pytest.mark.parametrize("count", [True, "1", 1.5])
def test_refuses_a_count_that_is_no_integer(count: Any, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(count=count)) == [
        f"It isn't a valid notebook: at cells.0.execution_count, {count!r} is not of type "
        f"'integer', 'null'. {CHECKOUT}"
    ]


@pytest.mark.parametrize("key", ["outputs", "execution_count", "source", "metadata", "id"])
def test_refuses_a_cell_without_one_of_its_parts(key: str, tmp_path: Path) -> None:
    broken = code()
    del broken[key]
    assert refusals(tmp_path, code(), broken) == [
        f"It isn't a valid notebook: at cells.1, {key!r} is a required property. {CHECKOUT}"
    ]


def test_refuses_tags_that_are_no_list(tmp_path: Path) -> None:
    assert refusals(tmp_path, code(tags="raises-exception")) == [
        "It isn't a valid notebook: at cells.0.metadata.tags, 'raises-exception' is not of type "
        f"'array'. {CHECKOUT}"
    ]


def test_refuses_an_attachment_to_code(tmp_path: Path) -> None:
    assert refusals(tmp_path, {**code(), "attachments": {}}) == [
        "It isn't a valid notebook: at cells.0, Additional properties are not allowed "
        f"('attachments' was unexpected). {CHECKOUT}"
    ]


def test_refuses_an_output_of_an_unknown_kind(tmp_path: Path) -> None:
    output = {"output_type": "pyout", "text": ["a long text from an old notebook"] * 3}
    assert refusals(tmp_path, code("print(2)", output)) == [
        f"It isn't a valid notebook: at cells.0.outputs.0, the value isn't valid. {CHECKOUT}"
    ]


def test_refuses_two_cells_with_one_id(tmp_path: Path) -> None:
    twins = {**code(), "id": "twin"}, {**code(count=2), "id": "twin"}
    assert refusals(tmp_path, *twins) == [f"Two of its cells have the same id. {REFRESH}"]


@pytest.mark.parametrize("text", ["", "print(2)", "[]", "{}", '{"cells": [1]}', '{"cells": {}'])
def test_refuses_a_file_that_is_no_notebook(text: str, tmp_path: Path) -> None:
    path = tmp_path / "01_small.ipynb"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(NotebookError) as refused:
        gates.check(path)
    assert str(refused.value) == (
        "01_small.ipynb is not a notebook. It cannot be read, or it is not JSON with cells "
        f"in it. {CHECKOUT}"
    )


# What nbval is configured to ignore


@pytest.mark.parametrize("tag", ["nbval-skip", "nbval-ignore-output", "skip-execution", "wip"])
def test_refuses_a_tag_that_it_does_not_know(tag: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(tags=[tag])) == [
        f"cell 1: Its tag {tag!r} may keep it from being run or compared. Remove the tag."
    ]


@pytest.mark.parametrize(
    "comment",
    [
        "# NBVAL_SKIP",
        "#NBVAL_IGNORE_OUTPUT",
        "  ## NBVAL_CHECK_OUTPUT  ",
        "# NBVAL_RAISES_EXCEPTION",
        "# PYTEST_VALIDATE_IGNORE_OUTPUT",
        "# NBVAL_OF_TOMORROW",
        'text = """\n# NBVAL_SKIP\n"""',
        "1\x0c# NBVAL_SKIP",
    ],
)
def test_refuses_a_comment_that_nbval_obeys(comment: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(f"{comment}\nprint(2)")) == [f"cell 1: {HIDDEN}"]


def test_a_comment_that_only_mentions_nbval_may_stay(tmp_path: Path) -> None:
    assert refusals(tmp_path, code("# not NBVAL_SKIP, for it hides errors\nprint(2)")) == []


# Commands


@pytest.mark.parametrize(
    ("source", "magic"),
    [
        ("%alembik upgrade head", "%alembik"),
        ("%time print(2)", "%time"),
        ("start?", "%pinfo"),
        ("%%capture\nprint(2)", "%%capture"),
        ("%%alembic\nupgrade head", "%%alembic"),
        ("if True:\n    %notmagic", "%notmagic"),
        ("await sleep(0)\n%notmagic", "%notmagic"),
        ('text = "\\d"\n%notmagic', "%notmagic"),
        ("get_ipython().run_line_magic('notmagic', '')", "%notmagic"),
    ],
)
def test_refuses_a_magic_that_is_not_the_courses(source: str, magic: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(source)) == [
        f"cell 1: The course has no magic {magic}; an unknown magic fails without an error. "
        f"{MAGICS}"
    ]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("!alembic upgrade head", "alembic upgrade head"),
        ("!!ls", "ls"),
        ("files = !ls", "ls"),
        ("if True:\n    !ls", "ls"),
        ("def look():\n    !ls", "ls"),
        ("%sx ls", "sx"),
        ("%system ls", "system"),
        ("%%bash\nls", "bash"),
        ("%%script sh\nls", "script"),
        ("%%!\nls", "!"),
        ("get_ipython().system('ls')", "ls"),
        ("get_ipython().getoutput('ls')", "ls"),
        ("import os\nos.system('ls')", "ls"),
        ("from os import popen\npopen('ls')", "ls"),
    ],
)
def test_refuses_a_shell_command(source: str, name: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(source)) == [
        f"cell 1: The shell command {name!r} may fail unnoticed. Use "
        "%alembic or Python, which raise an error."
    ]


def test_what_only_looks_like_a_command_passes(tmp_path: Path) -> None:
    source = "import platform\nprint('!ls %notmagic', 7 % 5, platform.system(), runner.run('x'))"
    assert refusals(tmp_path, code(source)) == []


@pytest.mark.parametrize("call", ["run", "call", "Popen"])
def test_refuses_a_program_whose_exit_code_is_not_checked(call: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(f"import subprocess\nsubprocess.{call}(['ls'])")) == [
        f"cell 1: The command of subprocess.{call} may fail "
        "unnoticed. Use subprocess.run with check=True."
    ]


@pytest.mark.parametrize("call", ["run(['ls'], check=True)", "check_output(['ls'])"])
def test_a_program_whose_exit_code_is_checked_passes(call: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(f"import subprocess\nsubprocess.{call}")) == []


@pytest.mark.parametrize("source", ["get_ipython().run_cell('!ls')", "shell.run_cell('!ls')"])
def test_refuses_source_hidden_in_a_text(source: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(source)) == [
        "cell 1: The code passed to run_cell can't be checked. Make it a cell."
    ]


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    %alembic upgrade head\nexcept Exception:\n    pass",
        "with suppress(Exception):\n    %alembic upgrade head",
        "with contextlib.suppress(Exception):\n    if True:\n        %alembic upgrade head",
        "def quiet():\n    %alembic upgrade head",
        "Thread(target=lambda: get_ipython().run_line_magic('alembic', 'upgrade head')).start()",
    ],
)
def test_refuses_alembic_where_its_failure_may_be_swallowed(source: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code(source)) == [SWALLOWED]


@pytest.mark.parametrize("opening", ["with engine.begin():", "try:", "for _ in range(2):"])
def test_alembic_may_run_where_its_failure_is_seen(opening: str, tmp_path: Path) -> None:
    closing = "\nfinally:\n    %alembic current" if opening == "try:" else ""
    assert refusals(tmp_path, code(f"{opening}\n    %alembic upgrade head{closing}")) == []


def test_a_syntax_error_is_left_to_the_run(tmp_path: Path) -> None:
    error = failed("invalid syntax", ename="SyntaxError")
    assert refusals(tmp_path, code("print 2", error, tags=["raises-exception"])) == []


# Errors


def test_refuses_an_error_that_is_not_announced(tmp_path: Path) -> None:
    assert refusals(tmp_path, code("open('users')", failed("no such file"))) == [
        "cell 1: It ends with OSError, but isn't tagged raises-exception. "
        "Fix it, or add the tag if the error is intended."
    ]


def test_refuses_an_announcement_without_an_error(tmp_path: Path) -> None:
    assert refusals(tmp_path, code(tags=["raises-exception"])) == [
        f"cell 1: It's tagged raises-exception, but raises nothing. Remove the tag. {REFRESH}"
    ]


def test_refuses_what_was_written_to_stderr(tmp_path: Path) -> None:
    warning = printed("SAWarning: a relationship is odd\n", name="stderr")
    assert refusals(tmp_path, code("print(2)", warning)) == [
        "cell 1: It writes to stderr: a warning, or a magic that doesn't exist. Fix the cause."
    ]


# What others must not read


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/home/ann/clone/models.py", "/home/ann"),
        ("wrote /tmp/x.", "/tmp/x."),
        ("'/srv/main'", "/srv/main"),
        ("file:///root/.pgpass", "/root/.pgpass"),
        ("PATH=/bin:/usr/local/bin", "/usr/local"),
        ("/workspaces/kit/notebooks", "/workspaces/kit"),
        ("/Users/ann/clone", "/Users/ann"),
        ("/private/var/folders/x", "/private/var"),
        ("/opt/homebrew/bin/psql", "/opt/homebrew"),
        (r"C:\Users\ann", r"C:\Users"),
        (r"'D:\\clone\\models.py'", r"D:\\clone"),
        ("WindowsPath('C:/Users/ann')", "C:/Users"),
        ("File ~/clone/.venv/lib/sqlalchemy/base.py:146", "~/clone/.venv/lib/sqlalchemy/base.py"),
    ],
)
def test_refuses_an_absolute_path(text: str, path: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code("print(2)", printed(text))) == [
        f"cell 1: An output contains the absolute path {path}. Print a relative one."
    ]


@pytest.mark.parametrize(
    "output",
    [
        shown("text/plain", "/home/ann"),
        shown("text/html", '<td class="path">/home/ann</td>'),
        shown("text/vnd.mermaid", ["graph\n", "a[/home/ann]"]),
        shown("application/json", {"folders": [{"one": 1, "two": "/home/ann"}]}),
        shown("application/json", {"/home/ann": 1}),
        {**shown("text/plain", "x /home/ann"), "output_type": "execute_result", **COUNT},
    ],
    ids=["text", "html", "lines", "json value", "json key", "result"],
)
def test_finds_a_path_in_every_kind_of_output(output: Any, tmp_path: Path) -> None:
    assert refusals(tmp_path, code("print(2)", output)) == [
        "cell 1: An output contains the absolute path /home/ann. Print a relative one."
    ]


@pytest.mark.parametrize(
    "error",
    [
        failed("cannot open /home/ann"),
        failed("", "OSError", "in /home/ann", "end"),
        failed("", "File \x1b[32m/home/ann\x1b[39m"),
        failed("cannot open /home/ann", "\x1b[31mOSError\x1b[39m: cannot open \x1b[32m/home/ann"),
    ],
    ids=["evalue", "traceback", "colours", "both"],
)
def test_finds_a_path_in_an_error_once(error: Any, tmp_path: Path) -> None:
    assert refusals(tmp_path, code("open('x')", error, tags=["raises-exception"])) == [
        "cell 1: An output contains the absolute path /home/ann. Print a relative one."
    ]


@pytest.mark.parametrize(
    "text",
    [
        "alembic/versions/2f_users.py",
        "see https://docs.sqlalchemy.org/home/index.html",
        "../home/ann and ./tmp/x",
        "text/html, and/or, 1/2, a:b, e.g.: x",
        "~/.pgpass",
        "</home>",
    ],
)
def test_what_only_looks_like_a_path_passes(text: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code("print(2)", printed(text))) == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://learner:s3cret@127.0.0.1:5432/shop",
        "postgresql://:s3cret@host/shop",
        "postgres://ann:p@ss@host",
        "postgresql://ann:p%40ss@host",
        "\x1b[1mpostgresql://ann:\x1b[31ms3cret\x1b[0m@host",
    ],
)
def test_refuses_a_password_in_an_address(url: str, tmp_path: Path) -> None:
    assert refusals(tmp_path, code("print(2)", printed(f"at {url}\n"))) == [
        "cell 1: An output contains a password in a URL. Print the URL without it."
    ]


@pytest.mark.parametrize("user", ["learner:***@", "None:None@", "learner@", ""])
def test_an_address_without_its_password_passes(user: str, tmp_path: Path) -> None:
    address = printed(f"postgresql+psycopg2://{user}127.0.0.1:5432/shop\n")
    assert refusals(tmp_path, code("print(2)", address)) == []


def test_tells_all_that_is_wrong_at_once(tmp_path: Path) -> None:
    assert refusals(tmp_path, code("!ls", count=None), code("%%bash\nls", count=2)) == [
        f"cell 1: It was never run, so its output isn't compared. {REFRESH}",
        "cell 1: The shell command 'ls' may fail unnoticed. Use "
        "%alembic or Python, which raise an error.",
        "cell 2: The shell command 'bash' may fail unnoticed. Use "
        "%alembic or Python, which raise an error.",
    ]

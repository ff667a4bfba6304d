"""A forked kernel works like the default one: the same tests run on both."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.kernels import KINDS, Kernel, until

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no forked kernels")

# What a cell can find out about its process; both kinds must return the same.
STATE = {
    "environment": "{k: v for k, v in os.environ.items() if k != 'JPY_PARENT_PID'}",
    "working directory": "os.getcwd()",
    "import path": "sys.path",
    "arguments": "[sys.argv[0], sys.argv[1], len(sys.argv), sys.executable]",
    "flags": "[str(sys.flags), sys.warnoptions, str(sys._xoptions), sys.dont_write_bytecode]",
    "stdin": "stream(sys.stdin)",
    "stdout": "stream(sys.stdout)",
    "stderr": "stream(sys.stderr)",
    "first stdin": "stream(sys.__stdin__)",
    "first stdout": "stream(sys.__stdout__)",
    "first stderr": "stream(sys.__stderr__)",
    "main module": "{k: str(v) for k, v in vars(sys.modules['__main__']).items() if k[:2] == '__'}",
    "names": "sorted(k for k in globals() if not k.startswith('_'))",
    # Libraries add filters when they're imported; in a forked kernel they have been.
    "warnings": "sorted(str(f) for f in warnings.filters if 'numpy' not in str(f))",
    "signal handlers": "{int(s): str(signal.getsignal(s)) for s in signal.valid_signals()}",
    # Signals 32 and 33 are the C library's own: on some systems they are ignored from the start.
    "rights": "[re.sub('[0189](?=.{7}$)', '.', l) if 'SigIgn' in l else l "
    "for l in open('/proc/self/status') if re.match('Sig[BIC]|Shd|Cap|Uma', l)]",
    "limits": "[resource.getrlimit(n) for n in range(16)] + [os.getpriority(os.PRIO_PROCESS, 0)]",
    "session": "[os.getsid(0) == os.getpid(), os.getpgid(0) == os.getpid()]",
    "threads": "sorted(re.sub(r'\\d+', 'N', t.name) for t in threading.enumerate())",
    "locale": "[locale.getlocale(), locale.setlocale(locale.LC_ALL), sys.getfilesystemencoding()]",
    "garbage": "[gc.isenabled(), gc.get_threshold(), sys.getrecursionlimit()]",
    "root logger": "[str(logging.root.handlers), logging.root.level, logging.raiseExceptions]",
    "fault handler": "[faulthandler.is_enabled(), sys.pycache_prefix, tempfile.gettempdir()]",
    "hooks": "[str(type(f)) for f in (sys.excepthook, sys.displayhook, sys.unraisablehook)]",
    "importers": "[str(type(f)) for f in sys.meta_path + sys.path_hooks]",
    "processes": "[multiprocessing.get_start_method(), multiprocessing.current_process().name]",
    "time zone": "[time.tzname, time.timezone, str(datetime.datetime(2026, 7, 1).astimezone())]",
    "score for the killer": "open('/proc/self/oom_score_adj').read()",
}
ASK = """
import datetime, faulthandler, gc, json, locale, logging, multiprocessing, os, re, resource
import signal, sys, tempfile, threading, time, warnings
def stream(s):
    names = "name", "encoding", "errors", "mode", "line_buffering", "write_through"
    return [s.isatty()] + [getattr(s, name, None) for name in names]
"""


@pytest.fixture(scope="module", params=KINDS)
def kernel(request: pytest.FixtureRequest, folder: Path) -> Iterator[Kernel]:
    """One kernel of each kind, for all tests that don't change its state."""
    with Kernel(request.param, cwd=str(folder), env=environment()) as kernel:
        assert kernel.kind == request.param
        yield kernel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernels' working directory."""
    return tmp_path_factory.mktemp("folder")


ENVIRONMENT = {"TZ": "Asia/Kathmandu", "ODD": "ä \udce4\n=", "LONG": "x" * 100_000}


def environment() -> dict[str, str]:
    """Return this environment and more, without the PYTEST_ variables that ipykernel reads."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | ENVIRONMENT


@pytest.fixture(scope="module")
def states(folder: Path) -> dict[str, dict[str, Any]]:
    """The state of a new kernel of each kind."""
    code = "{" + ",".join(f"{name!r}: {value}" for name, value in STATE.items()) + "}"
    result = {}
    for kind in KINDS:
        with Kernel(kind, cwd=str(folder), env=environment()) as fresh:
            assert fresh.kind == kind
            fresh.run(ASK)
            result[kind] = fresh.value(code)
    return result


@pytest.mark.parametrize("name", STATE)
def test_the_state_of_both_kinds_is_the_same(states: dict[str, Any], name: str) -> None:
    assert states["forked"][name] == states["default"][name]


def test_the_environment_is_the_one_that_was_passed(kernel: Kernel) -> None:
    result = kernel.value("dict(__import__('os').environ)")
    assert {name: result[name] for name in ENVIRONMENT} == ENVIRONMENT
    assert {k for k, v in environment().items() if result.get(k) != v} <= {
        # ipykernel sets these in every kernel
        *("TERM", "CLICOLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "GIT_PAGER", "MPLBACKEND"),
        "JPY_PARENT_PID",
    }


def test_no_descriptor_comes_from_the_fork_server(kernel: Kernel) -> None:
    seen = kernel.value(
        "[(n, os.readlink(f'/proc/self/fd/{n}')) for n in os.listdir('/proc/self/fd') "
        "if os.path.lexists(f'/proc/self/fd/{n}')]"
        if kernel.run("import os") == ""
        else "[]"
    )
    files = {where for _, where in seen if where.startswith("/")}
    allowed = ("/dev/null", "/dev/pts", "/dev/urandom", os.environ["IPYTHONDIR"])
    ours = {str(Path(f"/proc/self/fd/{n}").readlink()) for n in (1, 2)}
    other = {where for where in files - ours if not where.startswith(allowed)}
    assert {where for where in other if "/libffi.so" not in where} == set()  # of some systems
    assert not [where for _, where in seen if "pidfd" in where]


def test_a_projects_modules_are_never_preloaded(kernel: Kernel) -> None:
    loaded = set(kernel.value("list(__import__('sys').modules)"))
    assert loaded.isdisjoint({"db", "models", "tutorial_lib.models", "env"})


def test_each_kernel_reads_the_models_of_its_own_folder(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "models.py").write_text(
            "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n"
            "class Base(DeclarativeBase): pass\n"
            "class User(Base):\n"
            f"    __tablename__ = {name!r}\n"
            "    id: Mapped[int] = mapped_column(primary_key=True)\n"
        )
        with Kernel("forked", cwd=str(tmp_path / name)) as kernel:
            code = "from models import User; print(User.__table__.name, len(User.metadata.tables))"
            assert kernel.run(code) == f"{name} 1\n"


def test_random_values_differ_between_two_kernels() -> None:
    code = (
        "[random.random(), numpy.random.rand(), numpy.random.default_rng().random(), "
        "str(uuid.uuid4()), str(uuid.uuid1()), tempfile.mktemp(), secrets.token_hex(), "
        "random.Random().random(), os.urandom(8).hex()]"
    )
    drawn = []
    for _ in range(2):
        with Kernel("forked") as kernel:
            kernel.run("import random, numpy, uuid, tempfile, secrets, os")
            drawn.append(kernel.value(code))
    assert not [one for one, other in zip(*drawn, strict=True) if one == other]


def test_a_seed_gives_the_same_numbers_in_both_kinds(kernel: Kernel) -> None:
    kernel.run("import random, numpy; random.seed(7); numpy.random.seed(7)")
    assert kernel.value("[random.random(), float(numpy.random.rand())]") == [
        pytest.approx(0.32383276483316237),
        pytest.approx(0.07630828937395717),
    ]


def test_input_returns_the_reply(kernel: Kernel) -> None:
    assert kernel.run("print('Hello', input('Name? '))", answer="Ada") == "Hello Ada\n"


def test_the_process_stdin_is_empty(kernel: Kernel) -> None:
    assert kernel.run("import os, sys; print(os.read(0, 9), repr(sys.__stdin__.read()))") == (
        "b'' ''\n"
    )
    code = "import subprocess; print(subprocess.run(['cat'], capture_output=True).stdout)"
    assert kernel.run(code) == "b''\n"


def test_output_of_the_operating_system_arrives(kernel: Kernel) -> None:
    code = "os.write(1, b'below\\n'); os.system('echo shell; echo fault >&2'); time.sleep(0.2)"
    result = kernel.run("import os, time\n" + code)
    assert {"below", "shell", "fault"} <= set(result.split())


def test_top_level_await_works(kernel: Kernel) -> None:
    code = (
        "import asyncio\nprint(await asyncio.gather(asyncio.sleep(0, 1), asyncio.to_thread(int)))"
    )
    assert kernel.run(code) == "[1, 0]\n"


def test_logging_and_warnings_are_shown(kernel: Kernel) -> None:
    result = kernel.run(
        "import logging, warnings; logging.warning('careful'); warnings.warn('old')"
    )
    assert "WARNING:root:careful" in result
    assert "UserWarning: old" in result


@pytest.mark.slow
def test_a_plot_is_drawn_inline(kernel: Kernel) -> None:
    result = kernel.run("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()")
    assert re.search(r"<Figure size \d+x\d+ with 1 Axes>", result)
    assert kernel.run("print(plt.get_backend())") in (
        "inline\n",
        "module://matplotlib_inline.backend_inline\n",
    )


def test_dataframes_are_shown_and_counted(kernel: Kernel) -> None:
    code = "import pandas as pd; pd.DataFrame({'a': [1, 2], 'b': ['x', 'y']}).groupby('b').sum()"
    assert kernel.run(code).split() == ["a", "b", "x", "1", "y", "2"]
    matrix = "import numpy as np; m = np.arange(90_000.0).reshape(300, 300); print((m @ m).trace())"
    assert float(kernel.run(matrix)) == pytest.approx(sum_of_squares())


def sum_of_squares() -> float:
    """Return the trace of the product of a 300 x 300 matrix of 0, 1, 2, ... with itself."""
    return float(sum((300 * i + j) * (300 * j + i) for i in range(300) for j in range(300)))


# A child process imports `__main__`, and a notebook's isn't a file: use a library's function.
POOL = """
import multiprocessing, operator
with multiprocessing.get_context({method!r}).Pool(2) as pool:
    print(pool.map(operator.neg, [1, 2]))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_cell_can_use_processes(kernel: Kernel, method: str) -> None:
    result = kernel.run(
        "import warnings; warnings.simplefilter('ignore')" + POOL.format(method=method)
    )
    assert result == "[-1, -2]\n"


@pytest.mark.slow
def test_an_open_file_is_complete_after_an_orderly_shutdown(tmp_path: Path) -> None:
    for kind in KINDS:
        with Kernel(kind, cwd=str(tmp_path)) as kernel:
            kernel.run(LEAVE)
            kernel.manager.shutdown_kernel()
        found = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert found == {"atexit": "bye", "open": "half a line", "thread": "late"}, kind
        for path in tmp_path.iterdir():
            path.unlink()


LEAVE = """
import atexit, pathlib, tempfile, threading, time
def write(name, text, wait=0):
    time.sleep(wait)
    pathlib.Path(name).write_text(text)
atexit.register(write, "atexit", "bye")
file = open("open", "w"); file.write("half a line")
scratch = tempfile.NamedTemporaryFile(dir="."); other = tempfile.TemporaryDirectory(dir=".")
threading.Thread(target=write, args=("thread", "late", 0.5)).start()
"""


def test_a_killed_kernel_runs_no_exit_functions(tmp_path: Path) -> None:
    with Kernel("forked", cwd=str(tmp_path)) as kernel:
        kernel.run("import atexit, pathlib; atexit.register(pathlib.Path('atexit').touch)")
        kernel.manager.shutdown_kernel(now=True)
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_can_start_a_kernel(kernel: Kernel) -> None:
    code = (
        "from coursekit.kernel.client import start_new_kernel\n"
        "manager, client = start_new_kernel()\n"
        "client.execute_interactive('print(6 * 7)')\n"
        "print(type(manager.provisioner.process).__name__)\n"
        "client.stop_channels(); manager.shutdown_kernel()"
    )
    assert kernel.run(code) == "42\nProcess\n"


@pytest.mark.slow
def test_both_streams_can_be_redirected_into_files(tmp_path: Path) -> None:
    for kind in KINDS:
        with (tmp_path / kind).open("w") as file, Kernel(kind, stdout=file, stderr=file) as kernel:
            assert kernel.kind == kind
            kernel.run("import sys; print('out', file=sys.__stdout__, flush=True)")
            kernel.run("print('fault', file=sys.__stderr__)")
            until(lambda file=file: "fault" in Path(file.name).read_text())
            assert Path(file.name).read_text() == "out\nfault\n"

"""If a forked kernel would differ from the default kernel, the default one starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coursekit.kernel import fork_server
from coursekit.kernel.client import start_new_kernel
from coursekit.kernel.process import ForkUnavailable
from support.kernels import Kernel, kernels_are, shell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux")

STARTS_A_THREAD = (
    "import threading, time; threading.Thread(target=time.sleep, args=(3600,)).start()"
)
# Code of a module that the fork server imports, and the kind of kernel that starts then.
MODULES = {
    "starts a thread": (STARTS_A_THREAD, "default"),
    "fails": ("raise ValueError", "forked"),
    "ends Python": ("import sys; sys.exit(3)", "forked"),
    "kills": ("import os; os._exit(3)", "default"),
    "warns": ("import warnings; warnings.warn('old')", "forked"),
}
KIND = """
import json, sys
from pathlib import Path
from coursekit.kernel import fork_server
from coursekit.kernel.client import start_new_kernel
for _ in range(2):
    manager, client = start_new_kernel()
    process = type(manager.provisioner.process).__name__
    print({"Popen": "default", "Process": "forked"}[process])
    client.stop_channels(); manager.shutdown_kernel(now=True)
    Path(sys.argv[1]).write_text("value = 2")
fork_server.stop()
"""


@pytest.mark.parametrize(
    "changed",
    [
        {"PYTHONHASHSEED": "7"},
        {"LANG": "de_DE.UTF-8"},
        {"HOME": "/nowhere"},
        {"OMP_NUM_THREADS": "7"},
        {"OPENBLAS_NUM_THREADS": "7"},
        {"NPY_DISABLE_CPU_FEATURES": "AVX2"},
        {"PANDAS_COPY_ON_WRITE": "warn"},
        {"MPLBACKEND": "agg"},
        {"PYTHONWARNINGS": "error::FutureWarning"},
    ],
    ids=lambda changed: "".join(changed),
)
def test_a_changed_startup_variable_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(ForkUnavailable, match=f"^{''.join(changed)} has changed$"):
        fork_server.run("os:getpid", ["x"], environ=os.environ | changed, folder=Path.cwd())


@pytest.mark.slow
def test_the_default_kernel_gets_a_changed_variable() -> None:
    with Kernel("forked", env=os.environ | {"PYTHONHASHSEED": "7"}) as kernel:
        assert kernel.kind == "default"
        assert kernel.run("import os; print(os.environ['PYTHONHASHSEED'])") == "7\n"


@pytest.mark.parametrize(
    "options", [{"stdout": subprocess.PIPE}, {"stderr": subprocess.STDOUT}, {"independent": True}]
)
def test_unsupported_options_start_the_default_kernel(options: dict[str, Any]) -> None:
    with Kernel("forked", **options) as kernel:
        assert kernel.kind == "default"
        if kernel.process.stdout:
            kernel.process.stdout.close()


def test_a_missing_folder_raises_the_same_error(tmp_path: Path) -> None:
    result = []
    for kind in ("default", "forked"):
        with kernels_are(kind), pytest.raises(FileNotFoundError) as error:
            start_new_kernel(cwd=str(tmp_path / "gone"))
        result.append(str(error.value))
    assert result[0] == result[1]


@pytest.mark.slow
def test_another_interpreter_gets_the_default_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "venv" / "python"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    folder = tmp_path / "kernels" / "other"
    folder.mkdir(parents=True)
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": argv, "display_name": "Other", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(specification))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    with Kernel("forked", kernel_name="other") as kernel:
        assert kernel.kind == "default"


@pytest.mark.slow
@pytest.mark.parametrize("where", ["nowhere", ""])
def test_without_a_listener_the_default_kernel_starts(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin" if not where else "linux")
    monkeypatch.setenv(fork_server.SOCKET, where and str(tmp_path / where))
    with Kernel("forked") as kernel:
        assert kernel.kind == "default"
    assert os.environ[fork_server.SOCKET] == (where and str(tmp_path / where))


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A module's file, which the test writes."""
    return tmp_path / "module_of_the_test.py"


@pytest.mark.slow
@pytest.mark.parametrize(("code", "kind"), MODULES.values(), ids=MODULES)
def test_a_module_may_do_anything_on_import(module: Path, code: str, kind: str) -> None:
    module.write_text(code)
    assert kinds(module)[0] == kind


def test_a_changed_module_is_imported_again(module: Path) -> None:
    module.write_text("value = 1")
    assert kinds(module) == ["forked", "default"]


def kinds(module: Path, **environ: str) -> list[str]:
    """Return which kind starts with this module in the fork server, before and after it changes."""
    path = os.pathsep.join(filter(None, [str(module.parent), os.environ.get("PYTHONPATH")]))
    environment = shell(PYTHONPATH=path, FORK_SERVER_MODULES=f"gzip,{module.stem}", **environ)
    command, taken = [sys.executable, "-c", KIND, str(module)], "Address already in use"
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    while taken in result.stderr:  # Jupyter chooses ports before the kernel binds them
        result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.stderr == ""
    return result.stdout.split()


@pytest.mark.slow
@pytest.mark.parametrize(
    "environ",
    [
        {"PYTHONWARNINGS": "error::UserWarning"},
        {"PYTHONSAFEPATH": "1"},
        {"PYTHONOPTIMIZE": "1"},
        {"LC_ALL": "C"},
        {"PYTHONIOENCODING": "latin-1:replace"},
    ],
    ids=lambda environ: "".join(environ),
)
def test_a_kernel_starts_in_an_odd_environment(module: Path, environ: dict[str, str]) -> None:
    module.write_text("value = 1")
    assert kinds(module, **environ) == ["forked", "default"]


# A file in the owner's working directory must not hide one of Python's modules.
def test_files_of_the_owners_folder_are_not_imported(tmp_path: Path, module: Path) -> None:
    module.write_text("")
    for name in ("json", "selectors", "ctypes", "pandas"):
        (tmp_path / "here").mkdir(exist_ok=True)
        (tmp_path / "here" / f"{name}.py").write_text("raise ImportError('the wrong one')")
    code = (
        "import sys; del sys.path[0]; from coursekit.kernel import fork_server\n"
        "import os; from pathlib import Path; fork_server.start()\n"
        "print(fork_server.run('os:getppid', ['x'], environ=os.environ, folder=Path.cwd())[1:])\n"
        "fork_server.stop()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "here",
        env=shell(),
        capture_output=True,
        text=True,
    )
    assert (result.stdout, result.stderr) == ("('',)\n", "")


FULL = """
import os, socket, sys, tempfile, threading
from pathlib import Path
from coursekit.kernel import fork_server, zygote
def fail(): raise BlockingIOError(11, "Resource temporarily unavailable")
path = sys.argv[1]
listener = socket.socket(socket.AF_UNIX); listener.bind(path); listener.listen()
os.fork = fail
process = zygote.Zygote(listener, dict(os.environ), os.getppid())
def request():
    os.environ["FORK_SERVER_SOCKET"] = path
    try: fork_server.run("os:getpid", ["x"], environ=os.environ, folder=Path.cwd())
    except fork_server.ForkUnavailable as why: print(why, flush=True)
zygote.Zygote.refusal = lambda self, request: ""
requesting = threading.Thread(target=request); requesting.start()
process.accept(); requesting.join()
"""


def test_a_system_that_allows_no_more_processes_is_a_refusal(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "socket")],
        input="",
        env=shell(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert result.stdout == "no process can be forked: Resource temporarily unavailable\n"

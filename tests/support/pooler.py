"""A connection pooler as small as possible: PgBouncer's transaction mode, or its session mode.

Each client logs in at the server. In transaction mode, the server sessions are then shared: a
client has one from its first message until a transaction ends. As PgBouncer does, it tells
clients a pid that isn't the server's.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import URL

ENCRYPTION_REQUESTS = (80877103, 80877104)
CANCEL_REQUEST = 80877102
PID_OF_THE_POOLER = -7
COPY_DONE = b"c"
AUTHENTICATED, FINAL_DATA = 0, 12  # the requests of the server that need no response


class Stream:
    """Messages of PostgreSQL's protocol on a socket."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection = connection

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self.connection.recv(size - len(data))
            if not part:
                raise ConnectionError("closed")
            data += part
        return data

    def body(self) -> bytes:
        return self.read(struct.unpack("!i", self.read(4))[0] - 4)

    def message(self) -> tuple[bytes, bytes]:
        return self.read(1), self.body()

    def send(self, kind: bytes, body: bytes) -> None:
        self.connection.sendall(kind + struct.pack("!i", len(body) + 4) + body)


class Pooler:
    """Serves each client in a thread."""

    def __init__(self, host: str, port: int, *, shares: bool) -> None:
        self._server, self._shares = (host, port), shares
        self._idle: list[Stream] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for stream in self._idle:
            stream.connection.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[Stream(client)], daemon=True).start()

    def _serve(self, client: Stream) -> None:
        with suppress(OSError), client.connection:
            startup = client.body()
            while (code := struct.unpack("!i", startup[:4])[0]) in ENCRYPTION_REQUESTS:
                client.connection.sendall(b"N")
                startup = client.body()
            if code != CANCEL_REQUEST:
                self._relay(client, self._log_in(client, startup))

    def _log_in(self, client: Stream, startup: bytes) -> Stream:
        server = Stream(socket.create_connection(self._server))
        server.send(b"", startup)
        kind = b""
        while kind != b"Z":
            kind, body = server.message()
            if kind == b"K":
                body = struct.pack("!i", PID_OF_THE_POOLER) + body[4:]
            client.send(kind, body)
            request = struct.unpack("!i", body[:4])[0] if kind == b"R" else AUTHENTICATED
            if request not in (AUTHENTICATED, FINAL_DATA):
                server.send(*client.message())
        return server

    def _relay(self, client: Stream, server: Stream | None) -> None:
        try:
            while True:
                if self._shares and server:
                    self._idle.append(server)
                    server = None
                kind, body = client.message()
                if kind == b"X":
                    return
                server = server or self._idle.pop()
                self._transaction(client, server, kind, body)
        finally:
            if server:
                server.connection.close()

    def _transaction(self, client: Stream, server: Stream, kind: bytes, body: bytes) -> None:
        """Relay until the server is in no transaction."""
        while True:
            server.send(kind, body)
            if kind in (b"Q", b"S"):  # what the server responds to at once
                answer = b""
                while answer != b"Z":
                    answer, status = server.message()
                    client.send(answer, status)
                    if answer == COPY_DONE:  # its client needs to let this thread run
                        time.sleep(0.05)
                if status == b"I":
                    return
            kind, body = client.message()


@contextmanager
def pooler(url: URL, *, shares: bool) -> Iterator[URL]:
    """Run a pooler before a server, and yield the database URL that leads through it.

    Args:
        url: The server.
        shares: Whether clients share server sessions: the transaction mode.

    """
    running = Pooler(str(url.host), int(url.port or 5432), shares=shares)
    try:
        yield url.set(host="127.0.0.1", port=running.port).update_query_dict({"sslmode": "disable"})
    finally:
        running.close()

"""A server that answers whatever bytes a test wants, over a real socket, with or without TLS."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

TOKEN = json.dumps({"success": True, "data": {"access_token": "a", "expires_in": 1000}}).encode()
LOG_IN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(TOKEN), TOKEN)


class HostileServer:
    """
    Logs everybody in, and answers any other request with the pieces of ``answer``.

    ``pause`` is how many seconds it takes for each megabyte of an upload.

    :param wrap: Makes a TLS socket of a listening one.
    """

    def __init__(self, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self.answer: Callable[[], Iterator[bytes]] = lambda: iter([LOG_IN])
        self.answers_log_in = True
        self.pause = 0.0
        self.requests = 0
        self.closed = threading.Event()
        listening = socket.create_server(("127.0.0.1", 0))
        self.socket = wrap(listening) if wrap else listening
        self.url = f"{'https' if wrap else 'http'}://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.closed.set()
        self.socket.close()

    def _accept(self) -> None:
        while not self.closed.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while request := self._read(connection):
                    if b"/login" in request and self.answers_log_in:
                        connection.sendall(LOG_IN)
                        continue
                    self.requests += 1
                    for piece in self.answer():
                        if self.closed.is_set():
                            return
                        connection.sendall(piece)
                    return
            except OSError:
                return

    def _read(self, connection: socket.socket) -> bytes:
        """Read a request with its body, and return its first line."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return b""
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        left = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
        while left > 0:
            self.closed.wait(self.pause if left > 100_000 else 0)
            piece = connection.recv(min(left, 1 << 20))
            if not piece:
                return b""
            left -= len(piece)
        return head.split(b"\r\n")[0]


def drip(start: bytes, piece: bytes, pause: float = 0.02) -> Callable[[], Iterator[bytes]]:
    """Return an answer that begins, and goes on forever, a piece now and then."""

    def answer() -> Iterator[bytes]:
        yield start
        while True:
            yield piece
            time.sleep(pause)

    return answer

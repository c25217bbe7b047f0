"""
Uploading a file, compared with ``curl -F`` of the same file to the same server.

The server discards the request, so that only the client is measured.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
from pathlib import Path

from side_by_side import OURS, AtLeast, Work, run_way

TITLE = "upload a file of 1 GB"
CURL = "curl -F"
GOALS = [AtLeast(CURL, 0.95)]
MEMORY = 16


def prepare(folder: Path, scale: float) -> list[str]:
    path = folder / "upload.csv"
    piece = ("frodo@shire.example,Frodo,Baggins,1 Bagshot Row,01234\n" * 20_000).encode()
    with path.open("wb") as file:
        file.write(b"email,first_name,last_name,street,zip\n")
        while file.tell() + len(piece) < 1_000_000_000 * scale:
            file.write(piece)
    return [serve(), str(path)]


def serve() -> str:
    """Start a server that answers any request as IQM does; return its address."""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener,), daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection,), daemon=True).start()


def _answer(connection: socket.socket) -> None:
    buffer = bytearray(1 << 20)
    with connection:
        while head := _head(connection):
            match = re.search(rb"content-length: (\d+)", head.lower())
            body = head.partition(b"\r\n\r\n")[2]
            left = int(match[1]) - len(body) if match else 0
            if b"expect: 100-continue" in head.lower():
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while left > 0:
                left -= connection.recv_into(buffer, min(left, len(buffer)))
            token = {"access_token": "a", "refresh_token": "r", "expires_in": 35999, "owId": 1}
            data = (
                {"success": True, "data": token}
                if b"/ua/login" in head
                else {"statusCode": 200, "responseObject": {"id": 1, "message": "ok"}}
            )
            text = json.dumps(data).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))


def _head(connection: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        received = connection.recv(65536)
        if not received:
            return b""
        head += received
    return head


def by_us(url: str, path: str) -> Work:
    extra = {"client_id": "c", "client_secret": "s"}
    connection = {"conn_type": "iqm", "host": url, "login": "a@b.example", "password": "p", "extra": extra}
    os.environ["AIRFLOW_CONN_IQM_DEFAULT"] = json.dumps(connection)
    from airflow_provider_iqm.audience.mapping.column_mapping import resolve_mapping
    from airflow_provider_iqm.audience.prepared_list import PreparedList
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.hooks.iqm import IQMHook

    file_path = Path(path)
    status = file_path.stat()
    columns = ("email", "first_name", "last_name", "street", "zip")
    file = PreparedList(
        path=file_path,
        name=file_path.name,
        media_type="text/csv",
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        columns=columns,
        records=1,
        samples=dict.fromkeys(columns, ()),
    )
    mapping = resolve_mapping({"email": "Email"}, {"Email": "Raw"}, file_columns=columns)
    hook = IQMHook()
    hook.get_conn()

    def upload() -> int:
        hook._upload(AudienceUpload(name="List", file=file, mapping=mapping))
        return status.st_size

    return upload


def by_curl(url: str, path: str) -> Work:
    def upload() -> int:
        subprocess.run(["curl", "-sS", "-f", "-o", os.devnull, "-F", f"file=@{path}", url], check=True)
        return Path(path).stat().st_size

    return upload


WAYS = {OURS: by_us, CURL: by_curl}

if __name__ == "__main__":
    run_way(WAYS)

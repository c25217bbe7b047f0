"""
The upload against ``curl -F``: the same 1 GB file, the same server, process against process, in turns.

The server reads the request away and answers, so that what is measured is the client. Prints the ratio of the medians,
and by how much the upload raised the memory of its process.
"""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

SIZE = int(os.environ.get("BENCH_UPLOAD_BYTES", "1000000000"))
ROUNDS = 5


def main() -> None:
    """Measure, and print a table."""
    if len(sys.argv) > 1:
        upload(sys.argv[1], Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "list.csv")
        write_list(path)
        url = serve()
        ours, curls, memory = [], [], []
        for _ in range(ROUNDS):
            mine = json.loads(run(sys.executable, __file__, url, str(path)).splitlines()[-1])
            ours.append(mine["seconds"])
            memory.append(mine["bytes"])
            curls.append(float(run("curl", "-sS", "-o", os.devnull, "-w", "%{time_total}", "-F", f"file=@{path}", url)))
    ratio = statistics.median(curls) / statistics.median(ours)
    print(f"file: {SIZE / 1e6:,.0f} MB, {ROUNDS} rounds in turns, {os.cpu_count()} cores")
    print(f"{'':24}{'median':>10}{'best':>10}")
    print(f"{'curl -F':24}{statistics.median(curls):>8.2f} s{min(curls):>8.2f} s")
    print(f"{'IQMHook.upload':24}{statistics.median(ours):>8.2f} s{min(ours):>8.2f} s")
    print(f"throughput of curl's: {ratio:.2f} (at least 0.80)")
    print(f"memory over idle: {max(memory) / 1e6:.1f} MB (at most 32)")


def write_list(path: Path) -> None:
    record = "frodo@shire.example,Frodo,Baggins,1 Bagshot Row,01234\n"
    piece = (record * 20_000).encode()
    with path.open("wb") as file:
        file.write(b"email,first_name,last_name,street,zip\n")
        while file.tell() + len(piece) < SIZE:
            file.write(piece)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def serve() -> str:
    """Start a server that takes any request and answers it as IQM does; return its address."""
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


def upload(url: str, path: Path) -> None:
    """Upload once by the hook, and print the seconds and the bytes of memory that it took."""
    extra = {"client_id": "c", "client_secret": "s"}
    connection = {"conn_type": "iqm", "host": url, "login": "a@b.example", "password": "p", "extra": extra}
    os.environ["AIRFLOW_CONN_IQM_DEFAULT"] = json.dumps(connection)
    from airflow_provider_iqm.audience.file import AudienceFile
    from airflow_provider_iqm.audience.mapping import resolve_mapping
    from airflow_provider_iqm.audience.upload import AudienceUpload
    from airflow_provider_iqm.hooks.iqm import IQMHook

    status = path.stat()
    columns = ("email", "first_name", "last_name", "street", "zip")
    file = AudienceFile(
        path=path,
        name=path.name,
        media_type="text/csv",
        size=status.st_size,
        mtime_ns=status.st_mtime_ns,
        columns=columns,
        records=1,
        samples=dict.fromkeys(columns, ()),
        blank_columns=frozenset(),
    )
    mapping = resolve_mapping({"email": "Email"}, {"Email": "Raw"}, file_columns=columns)
    hook = IQMHook()
    hook.get_conn()
    Path("/proc/self/clear_refs").write_text("5")
    idle = _memory("VmRSS")
    started = time.perf_counter()
    hook.upload(AudienceUpload(name="List", file=file, mapping=mapping))
    print(json.dumps({"seconds": time.perf_counter() - started, "bytes": _memory("VmHWM") - idle}))


def _memory(name: str) -> int:
    return int(re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) * 1024


if __name__ == "__main__":
    main()

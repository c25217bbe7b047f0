"""Lists of people in an S3."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

SECRET = "s3cret-key-of-the-lake"


@dataclass(frozen=True)
class Lake:
    """
    A server of the tests' own, as :func:`~tests.integration.services.s3` runs it.

    :param port: Its port.
    """

    port: int

    def connection(self, port: int | None = None) -> str:
        """Return an Airflow connection to it, as an environment variable holds it; by another port if that is given."""
        extra = {"endpoint_url": f"http://127.0.0.1:{port or self.port}", "region_name": "us-east-1"}
        return json.dumps({"conn_type": "aws", "login": "AKIAIOSFODNN7EXAMPLE", "password": SECRET, "extra": extra})

    @property
    def client(self) -> Any:
        """AWS's own client, to fill it and to look into it."""
        import boto3

        keys = {"aws_access_key_id": "tests", "aws_secret_access_key": "tests", "region_name": "us-east-1"}
        return boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.port}", **keys)

    def put(self, bucket: str, **objects: bytes | str) -> None:
        """Make a bucket with these objects."""
        self.client.create_bucket(Bucket=bucket)
        for key, content in objects.items():
            self.client.put_object(Bucket=bucket, Key=key, Body=content)

    def keys(self, bucket: str) -> list[str]:
        """List a bucket."""
        return [found["Key"] for found in self.client.list_objects_v2(Bucket=bucket).get("Contents", ())]

    def empty(self) -> None:
        """Remove all buckets."""
        for bucket in [found["Name"] for found in self.client.list_buckets()["Buckets"]]:
            self.client.delete_bucket_policy(Bucket=bucket)
            for key in self.keys(bucket):
                self.client.delete_object(Bucket=bucket, Key=key)
            self.client.delete_bucket(Bucket=bucket)

    def close(self, bucket: str) -> None:
        """Deny everybody everything that is in a bucket."""
        deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": f"arn:aws:s3:::{bucket}/*"}
        policy = {"Version": "2012-10-17", "Statement": [deny]}
        self.client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    @contextmanager
    def cut_after(self, size: int) -> Iterator[int]:
        """Give a port by which an answer is cut after so many bytes."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            threading.Thread(target=self._relay_all, args=(server, size), daemon=True).start()
            yield server.getsockname()[1]
            # Closing alone would not end the wait for the next connection.
            server.shutdown(socket.SHUT_RDWR)

    def _relay_all(self, server: socket.socket, size: int) -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                threading.Thread(target=self._relay, args=(client, size), daemon=True).start()

    def _relay(self, client: socket.socket, size: int) -> None:
        with client, socket.create_connection(("127.0.0.1", self.port)) as upstream, suppress(OSError):
            threading.Thread(target=_copy, args=(client, upstream), daemon=True).start()
            _copy(upstream, client, size)
            client.shutdown(socket.SHUT_RDWR)


def _copy(source: socket.socket, target: socket.socket, size: float = float("inf")) -> None:
    with suppress(OSError):
        while size > 0 and (piece := source.recv(1 << 16)):
            target.sendall(piece)
            size -= len(piece)

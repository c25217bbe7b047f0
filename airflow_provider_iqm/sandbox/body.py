"""Reads the body of a request that isn't an upload."""

from fastapi import Request

from airflow_provider_iqm.sandbox.answers import RefusedError

# More than any login or search needs.
_MAX_BYTES = 64 * 1024


async def read_body(request: Request, media_type: str, *, refuse_with: int = 400, max_bytes: int = _MAX_BYTES) -> bytes:
    """
    Return the body.

    :param request: the request.
    :param media_type: required ``Content-Type``.
    :param refuse_with: HTTP status of errors.
    :param max_bytes: maximum size of the body, in bytes.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise RefusedError(refuse_with, f"The body must be {media_type}.")
    body = bytearray()
    async for piece in request.stream():
        body += piece[: max_bytes + 1 - len(body)]
    if len(body) > max_bytes:
        raise RefusedError(refuse_with, f"The body is larger than {max_bytes} bytes.")
    return bytes(body)

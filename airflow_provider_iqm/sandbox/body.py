"""Reads a request's body that is no upload."""

from fastapi import Request

from airflow_provider_iqm.sandbox.answers import RefusedError

# Nobody's log-in or search is longer.
_MOST_BYTES = 64 * 1024


async def read_body(
    request: Request, media_type: str, *, refuse_with: int = 400, most_bytes: int = _MOST_BYTES
) -> bytes:
    """
    Return the body.

    :param request: the request.
    :param media_type: what the header ``Content-Type`` must say.
    :param refuse_with: the HTTP status of a refusal.
    :param most_bytes: the most that is read.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise RefusedError(refuse_with, f"The body must be {media_type}.")
    body = bytearray()
    async for piece in request.stream():
        body += piece[: most_bytes + 1 - len(body)]
    if len(body) > most_bytes:
        raise RefusedError(refuse_with, f"The body is larger than {most_bytes} bytes.")
    return bytes(body)

"""Reads a request's body that is no upload."""

from fastapi import Request

from airflow_provider_iqm.sandbox.answers import RefusedError

# Nobody's log-in or search is longer.
_MOST_BYTES = 64 * 1024


async def read_body(request: Request, media_type: str, *, refuse_with: int = 400) -> bytes:
    """
    Return the body.

    :param request: the request.
    :param media_type: what the header ``Content-Type`` must say.
    :param refuse_with: the HTTP status of a refusal.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != media_type:
        raise RefusedError(refuse_with, f"The body must be {media_type}.")
    body = bytearray()
    async for piece in request.stream():
        body += piece[: _MOST_BYTES + 1 - len(body)]
    if len(body) > _MOST_BYTES:
        raise RefusedError(refuse_with, f"The body is larger than {_MOST_BYTES} bytes.")
    return bytes(body)

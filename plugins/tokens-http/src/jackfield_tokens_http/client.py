"""One JSON question over HTTP, its answer, and what went wrong in our own errors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from jackfield.values.errors import (
    AuthTokenError,
    CallError,
    CallTokenError,
    LogInError,
    NetworkError,
    NotAllowed,
    PluginError,
    ResponseError,
    SessionIdError,
)

MAX_ANSWER: Final = 256 * 1024
_LOG_IN_CODES: Final = (
    "ERROR_INVALID_UID",
    "ERROR_UID_WITH_SPACE",
    "ERROR_API_KEY_NOT_FOUND",
    "ERROR_BLANK_AUTHTOKEN",
    "ERROR_AUTHTOKEN_WITH_SPACE",
)
_BY_CODE: Final[Mapping[str, type[CallError]]] = {
    "ERROR_AUTH_TOKEN": AuthTokenError,
    "ERROR_CALL_TOKEN": CallTokenError,
    "ERROR_CALL_SESSION_ID": SessionIdError,
    "ERROR_PERMISSION": NotAllowed,
    "ERROR_NETWORK": NetworkError,
    **dict.fromkeys(_LOG_IN_CODES, LogInError),
}


class Client:
    """Posts JSON, on a connection for each question: a program that just ends leaves none open.

    ``fingerprint`` is the one certificate that is trusted.
    """

    def __init__(self, headers: Mapping[str, str], fingerprint: str | None, timeout_s: float) -> None:
        self._headers = dict(headers)
        self._timeout_s = timeout_s
        try:
            self._tls = aiohttp.Fingerprint(bytes.fromhex(fingerprint.replace(":", ""))) if fingerprint else True
        except ValueError as exc:
            raise PluginError("the fingerprint is not the sha-256 of a certificate in hex") from exc

    async def reach(self, url: str) -> None:
        """Nothing, when somebody answers there, whatever it is; `NetworkError` otherwise."""
        try:
            await self.post(url, {})
        except NetworkError:
            raise
        except CallError:
            return

    async def post(self, url: str, body: Mapping[str, Any], *, bearer: str | None = None) -> Mapping[str, Any]:
        """The answer's object; an error of ours that says what the service said."""
        where = "{0.scheme}://{0.netloc}{0.path}".format(urlsplit(url))
        headers = self._headers | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=self._timeout_s)) as session,
                session.post(url, json=body, headers=headers, ssl=self._tls, allow_redirects=False) as response,
            ):
                status, content = response.status, await _whole(where, response)
        except aiohttp.ServerFingerprintMismatch as exc:
            raise NetworkError(
                f"{where} shows another certificate than the pinned one; is it the same server?"
            ) from exc
        except aiohttp.InvalidURL as exc:
            raise NetworkError(f"{where} is no http address") from exc
        except TimeoutError as exc:
            raise NetworkError(f"{where} did not answer within {self._timeout_s:g} s") from exc
        except (aiohttp.ClientError, OSError) as exc:
            raise NetworkError(
                f"{where} cannot be reached: {_reason(exc)}; check the address, and that the server runs"
            ) from exc
        return _answer(where, status, content)


async def _whole(where: str, response: aiohttp.ClientResponse) -> bytes:
    """All of the answer, in however many pieces it comes."""
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > MAX_ANSWER:
            raise ResponseError(f"{where} answered with over {MAX_ANSWER} bytes; is it a token endpoint?")
    return bytes(content)


def _answer(where: str, status: int, content: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(content)
    except ValueError:
        found = None
    if 200 <= status < 300 and isinstance(found, dict):
        return found
    if isinstance(found, dict) and isinstance(found.get("code"), str):
        kind = _BY_CODE.get(found["code"], ResponseError)
        details = found.get("details")
        message = str(found.get("message") or found["code"])
        raise kind(message, code=found["code"], details=details if isinstance(details, dict) else None)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise AuthTokenError(f"{where} refused with status {status}")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NetworkError(f"{where} failed with status {status}; try again later")
    raise ResponseError(f"{where} answered with status {status} and nothing that can be read; is it a token endpoint?")


def _reason(exc: Exception) -> str:
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not trusted here (pin a self-signed one with `fingerprint`)"
    if isinstance(exc, aiohttp.ClientConnectorError):
        number = exc.os_error.errno or 0  # those of name look-ups are negative, and their texts good
        return os.strerror(number) if number > 0 else exc.os_error.strerror or str(exc.os_error)
    return str(exc) or type(exc).__name__

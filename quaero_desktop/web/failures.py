"""What it means when no page comes: the cause, a sentence for a person, and whether to try again."""

import email.utils
import errno
import re

import httpx

from quaero_desktop.domain import urls
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.pages import FetchFailed
from quaero_desktop.web.transport import AddressRefusedError, NameLookupError, TlsError

_MAX_RETRY_AFTER_MS = 24 * 3600 * 1000
_SECONDS = re.compile(r"\d{1,10}(?:\.\d{0,6})?", re.ASCII)
_CONNECT_WORDS = {
    errno.ECONNREFUSED: "The server refused the connection.",
    errno.ENETUNREACH: "The network of the server cannot be reached.",
    errno.EHOSTUNREACH: "The server cannot be reached.",
    errno.ETIMEDOUT: "The server did not answer.",
}


def retry_after_ms(value: bytes | None, now_ms: int) -> int | None:
    """Return how long a Retry-After header asks to wait, at most a day; None when it is missing or makes no sense.

    Args:
        value: seconds or an HTTP date (RFC 9110, 10.2.3).
        now_ms: the time, in milliseconds UTC.
    """
    if value is None:
        return None
    text = value.decode("latin-1").strip()
    if _SECONDS.fullmatch(text):
        return min(int(float(text) * 1000), _MAX_RETRY_AFTER_MS)
    try:
        at = email.utils.parsedate_to_datetime(text[:100]).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
    return max(0, min(int(at * 1000) - now_ms, _MAX_RETRY_AFTER_MS))


def failure_of_status(url: str, status: int, retry_after: bytes | None, now_ms: int) -> FetchFailed:
    """Return what a status says that brings no page.

    Args:
        url: the canonical URL that was asked for.
        status: the HTTP status.
        retry_after: the header of that name.
        now_ms: the time, in milliseconds UTC.
    """
    cause, message, retryable, host_wide = Cause.HTTP_CLIENT_ERROR, "The server refused the request", False, False
    wait = None
    match status:
        case 401 | 403:
            cause, message = Cause.FORBIDDEN, "The server does not let us in"
        case 404:
            cause, message = Cause.NOT_FOUND, "The page does not exist"
        case 410:
            cause, message = Cause.GONE, "The page is gone for good"
        case 408 | 425:
            message, retryable = "The server asked us to come again", True
        case 429:
            cause, message = Cause.RATE_LIMITED, "The server asked us to slow down"
            retryable = host_wide = True
        case _ if 500 <= status <= 599:
            cause, message, retryable = Cause.HTTP_SERVER_ERROR, "The server had a problem", True
        case 304:
            cause, message = Cause.PROTOCOL, "The server says that nothing changed, though we never had the page"
        case _ if 300 <= status <= 399:
            cause, message = Cause.BAD_REDIRECT, "The server redirects in a way that cannot be followed"
        case _ if not 400 <= status <= 499:
            cause, message = Cause.PROTOCOL, "The server answered with a status that does not exist"
    if retryable:
        wait = retry_after_ms(retry_after, now_ms)
    if status == 503 and wait is not None:
        message, host_wide = "The server asked us to slow down", True
    return FetchFailed(
        url=url,
        cause=cause,
        message=f"{message} ({status}).",
        status=status,
        retryable=retryable,
        retry_after_ms=wait,
        host_wide=host_wide,
    )


def failure_of_transport(url: str, error: httpx.TransportError) -> FetchFailed:
    """Return what a broken exchange says. Its message holds no path, no header and no words but ours and OpenSSL's."""
    cause, message, retryable, host_wide = Cause.PROTOCOL, "The server's answer is not HTTP.", False, False
    match error:
        case AddressRefusedError():
            cause, message = Cause.ADDRESS_REFUSED, str(error)
        case NameLookupError():
            cause, message = Cause.DNS, f"The name “{urls.host_of(url)}” could not be found."
            retryable = host_wide = True
        case TlsError(certificate=True):
            cause, message = Cause.TLS, f"The server's certificate is not trusted: {error}."
        case TlsError():
            cause, message = Cause.TLS, f"No secure connection to the server: {error}."
            retryable = host_wide = True
        case httpx.ConnectTimeout():
            cause, message = Cause.TIMEOUT, "The server did not accept the connection in time."
            retryable = host_wide = True
        case httpx.TimeoutException():
            cause, message, retryable = Cause.TIMEOUT, "The server took too long to answer.", True
        case httpx.ConnectError():
            cause, message = Cause.CONNECT, _connect_words(error)
            retryable = host_wide = True
        case httpx.NetworkError():
            cause, message, retryable = Cause.DISCONNECTED, "The server closed the connection half-way.", True
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            cause, message = Cause.BAD_URL, "The address cannot be sent to a server."
        case httpx.RemoteProtocolError():
            pass
        case _:
            cause, message, retryable = Cause.DISCONNECTED, "The connection failed.", True
    return FetchFailed(url=url, cause=cause, message=message, retryable=retryable, host_wide=host_wide)


def _connect_words(error: BaseException) -> str:
    """Return why there is no connection, in words that depend on the operating system's error number alone."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _CONNECT_WORDS:
            return _CONNECT_WORDS[cause.errno]
        cause = cause.__cause__
    return "The server cannot be reached."

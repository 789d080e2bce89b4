"""``quaero`` with mistakes in it that say aloud what nobody may hear: in the log, and in what they raise."""

import logging
import traceback
from typing import Any
from unittest import mock

from quaero_desktop.__main__ import command_line

RAISES = "/raises"
"""A page that ends in a mistake of ours."""

_log = logging.getLogger("quaero_desktop.leaky")


def leak() -> None:
    """Log the headers of every request at every level, and let the mistake of one page quote them."""
    from quaero_desktop.domain import secrets

    headers_for = secrets.headers_for

    def headers_or_mistake(credential: Any, material: Any, url: str, *arguments: Any) -> dict[str, str]:
        headers = headers_for(credential, material, url, *arguments)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
            _log.log(level, "asking for %s with %s and %r", url, headers, material)
        if url.endswith(RAISES) and headers:
            try:
                raise ValueError(f"cannot send {next(iter(headers.values()))}")
            except ValueError as error:
                _log.exception("it went wrong: %s", "".join(traceback.format_exception(error)))
                raise RuntimeError(f"the headers are {headers}") from error
        return headers

    mock.patch.object(secrets, "headers_for", headers_or_mistake).start()


# A parse process imports this module again, and has nothing to leak.
if __name__ == "__main__":
    leak()
    command_line()

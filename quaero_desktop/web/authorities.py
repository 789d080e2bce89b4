"""Contexts of TLS that are made without the authorities of the system."""

import functools
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_READERS = ("load_default_certs", "set_default_verify_paths")
"""The methods of a context that read the authorities; SSLContext has only the first for itself."""


@contextmanager
def without_authorities() -> Iterator[None]:
    """Let TLS contexts be made without the authorities of the system, which OpenSSL takes 40 ms to read into each.

    It holds for this thread alone: the window imports what crawls in a thread of its own, and what another makes
    meanwhile is whole. A context that is made by it trusts no server at all, so nothing gets less safe.
    """
    here = threading.get_ident()

    def elsewhere(method: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(method)
        def read(*arguments: Any, **named: Any) -> None:
            if threading.get_ident() != here:
                method(*arguments, **named)

        return read

    own = {name: method for name, method in vars(ssl.SSLContext).items() if name in _READERS}
    for name in _READERS:
        setattr(ssl.SSLContext, name, elsewhere(getattr(ssl.SSLContext, name)))
    try:
        yield
    finally:
        for name in _READERS:
            if name in own:
                setattr(ssl.SSLContext, name, own[name])
            else:
                delattr(ssl.SSLContext, name)

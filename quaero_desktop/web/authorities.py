"""Contexts of TLS that are made without the authorities of the system."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_authorities() -> Iterator[None]:
    """Let TLS contexts be made without the authorities of the system, which OpenSSL takes 40 ms to read into each.

    It holds for the whole process. A context that is made meanwhile trusts no server at all, so nothing gets less safe.
    """

    def read_none(*_arguments: Any, **_named: Any) -> None:
        return None

    names = ("load_default_certs", "set_default_verify_paths")
    before = {name: getattr(ssl.SSLContext, name) for name in names}
    for name in names:
        setattr(ssl.SSLContext, name, read_none)
    try:
        yield
    finally:
        for name, method in before.items():
            setattr(ssl.SSLContext, name, method)

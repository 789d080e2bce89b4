"""Undoing the compression of bodies, with a budget: a few hundred bytes can stand for gigabytes."""

import zlib
from collections.abc import Iterator

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.text import single_line

STEP = 262_144
"""The most bytes that are decoded in one go: about a millisecond of work."""

_RATIO_GRACE = 65_536
_MAX_MEMBERS = 1_000
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_RAW_DEFLATE = -zlib.MAX_WBITS


class DecodeError(KnownError):
    """The compression is unknown, broken, cut short or a bomb."""


class Inflater:
    """Decodes one gzip or deflate body piece by piece (RFC 9110, 8.4.1).

    ``deflate`` means the zlib format, but some servers send raw deflate under that name: both are understood.

    Args:
        encoding: the value of Content-Encoding.
        max_ratio: the most decoded bytes for each byte fed, once more than 64 KiB are decoded.

    Raises:
        DecodeError: for any other encoding, or more than one.
    """

    def __init__(self, encoding: str, max_ratio: int) -> None:
        self._gzip = encoding in ("gzip", "x-gzip")
        if not self._gzip and encoding != "deflate":
            raise DecodeError(f"The page is compressed in a way that we did not ask for ({single_line(encoding, 40)}).")
        self._max_ratio = max_ratio
        self._inflate: zlib._Decompress | None = None
        self._held = b""
        self._fed = 0
        self._made = 0
        self._members = 0
        self._over = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* decodes to, in pieces of at most :data:`STEP` bytes.

        Raises:
            DecodeError: when it is broken, or grows beyond the ratio.
        """
        self._fed += len(data)
        data = self._held + data
        self._held = b""
        while not self._over:
            if self._inflate is None:
                if len(data) < 2:
                    self._held = data
                    return
                if self._members and not data.startswith(_GZIP_MAGIC):
                    self._over = True  # padding after the last member, which browsers ignore too
                    return
                self._inflate = self._member(data)
            try:
                piece = self._inflate.decompress(data, STEP)
            except zlib.error as error:
                raise DecodeError("The page's compression is broken.") from error
            self._made += len(piece)
            if self._made > _RATIO_GRACE and self._made > self._fed * self._max_ratio:
                raise DecodeError("The page's compression is a bomb.")
            if piece:
                yield piece
            if self._inflate.eof:
                data = self._inflate.unused_data
                self._inflate = None
                self._members += 1
                self._over = not self._gzip
                if self._members > _MAX_MEMBERS:
                    raise DecodeError("The page's compression has too many parts.")
            else:
                data = self._inflate.unconsumed_tail
                # With no input left zlib may still hold output back, but only when it filled the piece.
                if not data and len(piece) < STEP:
                    return

    def finish(self) -> None:
        """Check that the body was complete; an empty one is.

        Raises:
            DecodeError: when it was cut short.
        """
        if self._fed and (self._inflate is not None or not self._members):
            raise DecodeError("The page's compressed data ends too early.")

    def _member(self, data: bytes) -> "zlib._Decompress":
        if self._gzip:
            return zlib.decompressobj(_GZIP)
        is_zlib = data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
        return zlib.decompressobj(zlib.MAX_WBITS if is_zlib else _RAW_DEFLATE)

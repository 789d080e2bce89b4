import gzip
import random
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.web.decoding import STEP, DecodeError, Inflater


def decoded(inflater: Inflater, *chunks: bytes) -> bytes:
    body = b"".join(piece for chunk in chunks for piece in inflater.feed(chunk))
    inflater.finish()
    return body


def pieces_of(data: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [*pieces, data[at:]]


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


COMPRESSIONS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", raw_deflate),
}


@given(
    name=st.sampled_from(sorted(COMPRESSIONS)),
    body=st.binary(max_size=2_000),
    sizes=st.lists(st.integers(0, 40), max_size=50),
)
def test_however_the_bytes_arrive_they_decode_to_the_same(name: str, body: bytes, sizes: list[int]) -> None:
    encoding, compress = COMPRESSIONS[name]
    assert decoded(Inflater(encoding, 200), *pieces_of(compress(body), sizes)) == body


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_a_body_cut_short_anywhere_is_an_error(name: str) -> None:
    encoding, compress = COMPRESSIONS[name]
    wire = compress(b"some text, some text")
    for end in range(1, len(wire)):
        with pytest.raises(DecodeError):
            decoded(Inflater(encoding, 200), wire[:end])


def test_an_empty_body_is_empty_whatever_its_header_says() -> None:
    assert decoded(Inflater("gzip", 200)) == b""
    assert decoded(Inflater("deflate", 200)) == b""


@given(sizes=st.lists(st.integers(0, 40), max_size=20))
def test_gzip_members_are_joined_and_padding_is_ignored(sizes: list[int]) -> None:
    wire = gzip.compress(b"one ") + gzip.compress(b"two") + bytes(50)
    assert decoded(Inflater("gzip", 200), *pieces_of(wire, sizes)) == b"one two"


def test_pieces_are_small_and_lose_nothing() -> None:
    body = random.Random(1).randbytes(5_000) * 200
    inflater = Inflater("gzip", 10_000)
    pieces = list(inflater.feed(gzip.compress(body)))
    inflater.finish()
    assert max(map(len, pieces)) <= STEP
    assert b"".join(pieces) == body


@pytest.mark.parametrize("name", sorted(COMPRESSIONS))
def test_a_bomb_is_noticed_before_it_goes_off(name: str) -> None:
    encoding, compress = COMPRESSIONS[name]
    bomb = compress(bytes(100_000_000))
    tracemalloc.start()
    try:
        with pytest.raises(DecodeError, match="bomb"):
            for _piece in Inflater(encoding, 10).feed(bomb):
                pass
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()


def test_small_bodies_may_have_any_ratio() -> None:
    body = bytes(60_000)
    assert decoded(Inflater("gzip", 2), gzip.compress(body)) == body


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip,deflate", "x" * 1000, "gzip;q=1"])
def test_what_nobody_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(DecodeError) as caught:
        Inflater(encoding, 200)
    assert len(caught.value.message) < 150

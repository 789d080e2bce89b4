"""Web addresses in what is pasted or dropped: those that are meant are found, and nothing else."""

import os
import sys

import pytest

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.ui.addresses import MOST_ADDRESSES, urls_in, urls_in_file


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://docs.python.org/3/", ("https://docs.python.org/3/",)),
        ("  HTTP://Docs.Python.org  ", ("HTTP://Docs.Python.org",)),
        (
            "See https://a.org/x, http://b.org and (https://c.org/y).",
            ("https://a.org/x", "http://b.org", "https://c.org/y"),
        ),
        ("https://en.wikipedia.org/wiki/Quaero_(search)", ("https://en.wikipedia.org/wiki/Quaero_(search)",)),
        ("(https://en.wikipedia.org/wiki/Quaero_(search))", ("https://en.wikipedia.org/wiki/Quaero_(search)",)),
        ("[words](https://a.org/x) and **https://b.org/**", ("https://a.org/x", "https://b.org/")),
        ("[https://a.org](https://a.org/x)", ("https://a.org",)),
        ('<a href="https://a.org/?q=1&r=2">A</a>', ("https://a.org/?q=1&r=2",)),
        ("<https://a.org/x>", ("https://a.org/x",)),
        ("[InternetShortcut]\r\nURL=https://a.org/x\r\n", ("https://a.org/x",)),
        ("https://a.org\nhttps://b.org\nhttps://a.org", ("https://a.org", "https://b.org")),
        ("docs.python.org/3/", ("docs.python.org/3/",)),
        ("python.org\nwww.example.py", ("python.org", "www.example.py")),
        ("größe.de/maße", ("größe.de/maße",)),
        ("intranet.corp:8080", ("intranet.corp:8080",)),
        ("http://[::1]:8080/x", ("http://[::1]:8080/x",)),
        ("http://192.168.1.2/x", ("http://192.168.1.2/x",)),
        ("https://a.org/x#y", ("https://a.org/x#y",)),
    ],
)
def test_what_is_meant_as_an_address_is_found(text, found):
    assert urls_in(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "", "hello", "hello world", "setup.py", "notes.md", "Report 2024.pdf", "e.g. this", "1.5", "v1.2.3", "a@b.org",
        "mailto:a@b.org", "ftp://a.org/x", "javascript:alert(1)", "file:///etc/passwd", "https://", "http://a b",
        "This is docs.python.org in a sentence.", "C:\\Users\\me", "/usr/share/doc", "...",
    ],
)  # fmt: skip
def test_what_is_not_is_left_alone(text):
    assert [address for address in urls_in(text) if address != "http://a"] == []


def test_a_huge_text_costs_little_and_gives_no_more_than_one_crawl_can_use():
    assert len(urls_in("\n".join(f"https://a.org/{number}" for number in range(MOST_ADDRESSES + 5)))) == MOST_ADDRESSES
    assert urls_in("a." * 1_000_000) == ()
    assert urls_in("https://" * 100_000) == ()


class TestAFile:
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
    def test_has_an_address_on_each_line(self, tmp_path, encoding):
        file = tmp_path / "list.txt"
        file.write_text("# mine\nhttps://a.org/ö\r\n\r\nb.org/x\n", encoding=encoding)
        assert urls_in_file(file) == ("https://a.org/ö", "b.org/x")

    @pytest.mark.parametrize("content", [b"", b"nothing here\n", bytes(range(256)) * 10])
    def test_without_any_says_so(self, tmp_path, content):
        file = tmp_path / "list.txt"
        file.write_bytes(content)
        with pytest.raises(KnownError, match="There is no web address in “list"):
            urls_in_file(file)

    def test_that_cannot_be_read_says_so(self, tmp_path):
        with pytest.raises(KnownError, match="cannot be read: No such file"):
            urls_in_file(tmp_path / "list.txt")
        with pytest.raises(KnownError, match="cannot be read: it is no ordinary file"):
            urls_in_file(tmp_path)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
    def test_that_is_a_pipe_is_not_waited_for(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(KnownError, match="it is no ordinary file"):
            urls_in_file(tmp_path / "pipe")

"""Names of files made of web addresses: no address leads out of its folder, onto a device, or to another's file."""

import re
import unicodedata
from pathlib import PurePosixPath
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain import urls
from quaero_desktop.domain.filenames import FileNames, safe_name

DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(\.|$)", re.IGNORECASE)


def assert_harmless(part: str) -> None:
    assert part not in ("", ".", "..")
    assert not part.startswith((".", "-", "~", " "))
    assert not part.endswith((".", " "))
    assert not re.search('[<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]', part)
    assert not DEVICE.match(part)
    assert len(part.encode()) <= 120


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://docs.python.org/", "docs.python.org/index.md"),
        ("https://docs.python.org/3/library/asyncio.html", "docs.python.org/3/library/asyncio.md"),
        ("https://docs.python.org/3/library/", "docs.python.org/3/library/index.md"),
        ("https://docs.python.org/3.11.1", "docs.python.org/3.11.1.md"),
        ("https://site.test/README.md", "site.test/README.md"),
        ("https://site.test/.html", "site.test/_html.md"),
        ("https://site.test:8080/a", "site.test_8080/a.md"),
        ("http://[::1]:8080/a", "__1_8080/a.md"),
        ("https://site.test/index.php?title=Main&action=view", "site.test/index.php_title=Main&action=view.md"),
        ("https://site.test/a?q=1%2F2", "site.test/a_q=1_2.md"),
        ("https://site.test/caf%C3%A9/na%C3%AFve", "site.test/café/naïve.md"),
        ("https://site.test/%E6%97%A5%E6%9C%AC", "site.test/日本.md"),
        ("https://site.test/%FF%FE", "site.test/%FF%FE.md"),
        ("https://site.test/%2e%2e%2f%2e%2e%2fetc/passwd", "site.test/__.._etc/passwd.md"),
        ("https://site.test/a//b", "site.test/a/_/b.md"),
        ("https://site.test/CON", "site.test/_CON.md"),
        ("https://site.test/aux.c/nul.tar.gz", "site.test/_aux.c/_nul.tar.gz.md"),
        ("https://site.test/-rf", "site.test/_rf.md"),
        ("https://site.test/~me/.git/config", "site.test/_me/_git/config.md"),
        ("https://site.test/a%00b%0Ac%E2%80%AEd", "site.test/a b c d.md"),
        ("https://site.test/trailing.%20/x%20.", "site.test/trailing/x.md"),
        ("https://site.test/a%3Ab%7Cc%3Fd%2Ae%22f%3Cg%3E", "site.test/a_b_c_d_e_f_g_.md"),
    ],
)
def test_addresses_become_readable_paths(url: str, path: str):
    assert FileNames().of(url) == path


def test_names_differ_where_large_and_small_letters_are_the_same():
    names = FileNames()
    paths = [
        names.of(f"https://site.test/{name}") for name in ("Docs/Page", "docs/page", "DOCS/PAGE", "docs/page.html")
    ]
    assert paths == [
        "site.test/Docs/Page.md",
        "site.test/Docs/page-2.md",
        "site.test/Docs/PAGE-3.md",
        "site.test/Docs/page-4.md",
    ]


def test_composed_and_decomposed_letters_are_the_same():
    names = FileNames()
    assert names.of("https://site.test/caf%C3%A9") == "site.test/café.md"
    assert names.of("https://site.test/cafe%CC%81") == "site.test/café-2.md"


def test_a_file_is_no_folder_of_another():
    names = FileNames()
    assert names.of("https://site.test/a.md") == "site.test/a.md"
    assert names.of("https://site.test/a.md/b") == "site.test/a.md-2/b.md"
    assert names.of("https://site.test/A.MD/c") == "site.test/a.md-2/c.md"
    assert names.of("https://site.test/x.md/b") == "site.test/x.md/b.md"
    assert names.of("https://site.test/x") == "site.test/x-2.md"


def test_what_is_reserved_is_left_alone():
    assert FileNames(reserved=("index.md",)).of("https://index.md/") == "index.md-2/index.md"


def test_long_names_are_cut_and_still_differ():
    names = FileNames()
    long = "x" * 300
    first, second = (names.of(f"https://site.test/{long}{number}") for number in (1, 2))
    assert first != second
    assert first.startswith("site.test/xxx")
    deep = names.of("https://site.test/" + "folder/" * 400 + "page")
    assert len(deep.encode()) < 240
    assert "/page~" in deep


def test_many_pages_of_one_name_cost_no_more_than_others():
    names = FileNames()
    paths = {names.of("https://site.test/%2A") for _ in range(20_000)}
    assert len(paths) == 20_000


@given(st.lists(st.text(max_size=300), max_size=6), st.text(max_size=60))
def test_no_address_is_harmful(segments: list[str], query: str):
    url = urls.identity(
        "https://site.test/"
        + "/".join(quote(each, errors="replace") for each in segments)
        + "?"
        + quote(query, errors="replace")
    )
    assert url is not None
    names = FileNames()
    first, second = names.of(url), names.of(url)
    assert first.casefold() != second.casefold()
    for path in (first, second):
        assert len(path.encode()) <= 250
        assert unicodedata.is_normalized("NFC", path)
        assert PurePosixPath(path).parts[0] == "site.test"
        for part in path.split("/"):
            assert_harmless(part)


@given(st.text())
def test_no_text_is_a_harmful_name(text: str):
    assert_harmless(safe_name(text))
    assert safe_name(safe_name(text)) == safe_name(text)


ODD_PARTS = st.sampled_from(
    [
        "..", ".", "con", "NUL", "com¹", "Lpt9.txt", "aux .c", "x" * 300, "é", "e\u0301", "É", "ß", "SS", "\u0131", "I",
        "a.", "a ", "a", "A.md", "a.md", "index", "-rf", "~", "\u202e", "\u200b", "%", "a:b", "a\\b", "\ud7ff",
    ]
)  # fmt: skip


@given(st.lists(st.lists(ODD_PARTS, min_size=1, max_size=4), min_size=1, max_size=12))
def test_pages_of_one_export_never_meet(pages: list[list[str]]):
    """Not where letters differ in their size only, nor in their spelling; and no file stands where a folder is."""
    names = FileNames(reserved=("index.md",))
    files, folders = set[str](), set[str]()
    for segments in pages:
        url = urls.identity("https://site.test/" + "/".join(quote(each) for each in segments))
        assert url is not None
        path = PurePosixPath(names.of(url))
        assert not path.is_absolute()
        for part in path.parts:
            assert_harmless(part)
            assert len(part.encode("utf-16-le")) // 2 <= 255
        file = unicodedata.normalize("NFD", str(path).casefold())
        assert file not in files
        files.add(file)
        folders |= {unicodedata.normalize("NFD", str(above).casefold()) for above in path.parents}
    assert not files & folders
    assert "index.md" not in files


@given(ODD_PARTS, st.sampled_from([" ", ".", " .", "  ..", "\u00a0", "\t", "\u200e"]))
def test_what_windows_drops_at_the_end_is_not_there(name: str, ending: str):
    made = safe_name(name + ending)
    assert_harmless(made)
    assert made == made.rstrip(" .")

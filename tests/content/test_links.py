"""The links of a page."""

from tests.content.pages import parsed


def test_links_are_absolute_canonical_and_each_once_in_order() -> None:
    page = parsed(
        '<a href="b.html">b</a> <a href="../A.html#x">a</a> <a href="b.html#top">again</a> <a href="?q=1">q</a>'
        '<map><area href="HTTPS://Other.TEST:443/x y"></map>'
    )
    assert page.links == (
        "https://site.test/guide/b.html",
        "https://site.test/A.html",
        "https://site.test/guide/page.html?q=1",
        "https://other.test/x%20y",
    )


def test_the_base_of_the_page_is_honoured() -> None:
    page = parsed('<head><base href="/other/"><base href="/second/"></head><a href="x">x</a>')
    assert page.links == ("https://site.test/other/x",)


def test_neighbours_and_frames_are_links_but_style_sheets_are_not() -> None:
    page = parsed(
        '<head><link rel="next" href="2.html"><link rel="prev" href="0.html">'
        '<link rel="stylesheet" href="s.css"></head><iframe src="frame.html"></iframe>'
    )
    assert {link.rpartition("/")[2] for link in page.links} == {"2.html", "0.html", "frame.html"}


def test_a_frameset_is_followed() -> None:
    page = parsed('<html><frameset><frame src="left.html"><frame src="right.html"></frameset></html>')
    assert page.links == ("https://site.test/guide/left.html", "https://site.test/guide/right.html")


def test_what_cannot_be_followed_is_counted() -> None:
    page = parsed(
        '<a href="mailto:a@b.test">m</a><a href="javascript:void(0)">j</a><a href="http://[::">?</a>'
        '<a href="#here">h</a><a href="">e</a><a rel="nofollow noopener" href="ad.html">ad</a><a href="ok.html">ok</a>'
    )
    assert page.links == ("https://site.test/guide/ok.html",)
    assert page.other_links == 4


def test_links_outside_of_the_main_content_count_too() -> None:
    page = parsed('<nav><a href="n.html">n</a></nav><main><p>Text of the page, long enough.</p></main>')
    assert page.links == ("https://site.test/guide/n.html",)
    assert "n.html" not in page.markdown

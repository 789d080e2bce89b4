"""Which part of a page is kept: pages in the manner of well-known generators and of hand-made sites, all our own."""

# ruff: noqa: E501 - a case a line

import pytest

from tests.content.pages import PROSE, parsed

NAVIGATION = "<ul>" + "".join(f'<li><a href="/{number}">Elsewhere {number}</a></li>' for number in range(9)) + "</ul>"
TEXT = f"<p>{PROSE}</p><p>{PROSE}</p>"
NOISE = ("Elsewhere", "Previous", "Next", "Copyright", "Cookies", "Edit", "Copy", "Share", "¶", "On this page")

PAGES = {
    "sphinx": f"""<div class="related" role="navigation"><h3>Navigation</h3>{NAVIGATION}</div><div class="document">
        <div class="documentwrapper"><div class="bodywrapper"><div class="body" role="main"><section id="x">
        <h1>Subject<a class="headerlink" href="#x">¶</a></h1>{TEXT}</section></div></div></div><div class="sphinxsidebar">
        <h4>Previous topic</h4>{NAVIGATION}</div></div><div class="footer">Copyright</div>""",
    "read the docs": f"""<nav class="wy-nav-side">{NAVIGATION}</nav><div role="main" class="document"><div
        itemprop="articleBody"><h1>Subject<a class="headerlink" href="#x" title="Permalink"></a></h1>{TEXT}</div></div>
        <footer><a>Next</a> Copyright</footer>""",
    "docbook": f"""<div class="navheader"><table><tr><td>Previous</td><td>Next</td></tr></table><hr></div><div class="sect1">
        <div class="titlepage"><h2 class="title">Subject</h2></div>{TEXT}</div><div class="navfooter">Previous Next</div>""",
    "mkdocs": f"""<div class="md-sidebar">{NAVIGATION}</div><main class="md-main"><div class="md-content"><article
        class="md-content__inner"><a class="md-content__button">Edit</a><h1>Subject<a class="headerlink" href="#s">¶</a></h1>
        {TEXT}</article></div></main>""".replace('<a class="md-content__button">Edit</a>', ""),
    "docusaurus": f"""<nav class="navbar">{NAVIGATION}</nav><main><article><nav class="theme-doc-breadcrumbs">Elsewhere</nav>
        <div class="tocCollapsible theme-doc-toc-mobile">On this page</div><div class="theme-doc-markdown markdown"><header>
        <h1>Subject</h1></header>{TEXT}</div><footer>Edit this page</footer></article><nav class="pagination-nav">Previous
        Next</nav></main>""",
    "mediawiki": f"""<div id="mw-navigation">{NAVIGATION}</div><div id="content"><h1 id="firstHeading">Subject</h1><div
        id="mw-content-text"><div class="mw-parser-output">{TEXT}<div id="toc" class="toc">On this page</div><h2>Part<span
        class="mw-editsection">[Edit]</span></h2><table class="navbox"><tr><td>Elsewhere</td></tr></table></div></div>
        <div id="catlinks">Elsewhere</div></div><div id="footer">Copyright</div>""",
    "doxygen": f"""<meta name="generator" content="Doxygen 1.9"><div id="top"><div id="navrow1" class="tabs">{NAVIGATION}</div>
        <div id="nav-path" class="navpath">Elsewhere</div></div><div class="header"><div class="headertitle"><h1>Subject</h1>
        </div></div><div class="contents">{TEXT}</div><div class="footer">Copyright</div>""",
    "article": f"""<header><a href="/">Elsewhere</a></header><article><h1>Subject</h1>{TEXT}<div class="sharedaddy">Share</div>
        </article><aside>{NAVIGATION}</aside><footer>Copyright</footer><div class="cookie-banner">Cookies</div>""",
    "blog without marks": f"""<div id="page"><div class="top-menu">{NAVIGATION}</div><div class="left"><h1>Subject</h1>{TEXT}
        <p>Some <a href="x">link</a> in it. {PROSE}</p><div class="more"><h3>Next</h3>{NAVIGATION}</div></div><div
        class="right sidebar"><h4>Elsewhere</h4><p>Short words about the author of all of this.</p></div></div>
        <div id="page-footer">Copyright</div>""",
    "columns as a table": f"""<table><tr><td>{NAVIGATION}</td><td><h1>Subject</h1>{TEXT}{TEXT}</td></tr></table>""",
    "single column": f"""<body><h1>Subject</h1>{TEXT}</body>""",
}


@pytest.mark.parametrize("kind", PAGES)
def test_the_text_is_kept_and_what_is_around_it_is_not(kind: str) -> None:
    page = parsed(f"<html><head><title>Subject - Site</title></head><body>{PAGES[kind]}</body></html>")
    assert page.markdown.lstrip("#").strip().startswith("Subject")
    assert page.markdown.count("A library collects works") >= 2
    assert [word for word in NOISE if word in page.markdown] == []
    assert not page.thin


def test_every_post_of_a_thread_is_kept() -> None:
    posts = "".join(f'<article class="post"><b>user{n}</b><p>{PROSE} {n}</p></article>' for n in range(4))
    page = parsed(f"<title>Thread</title><body><div id=menu>{NAVIGATION}</div><div>{posts}</div></body>")
    assert [f"user{n}" in page.markdown for n in range(4)] == [True] * 4
    assert "Elsewhere" not in page.markdown


def test_an_index_of_links_is_kept() -> None:
    page = parsed(f"<title>Index</title><body><h1>Index</h1>{NAVIGATION}</body>")
    assert "[Elsewhere 8](https://site.test/8)" in page.markdown


def test_documentation_without_marks_is_kept_whole() -> None:
    page = parsed(
        f"<body><div class=menu>{NAVIGATION}</div><h1>F</h1><p>{PROSE}</p><pre>f()</pre><h2>See</h2>{NAVIGATION}</body>"
    )
    assert page.markdown.count("Elsewhere") == 9


def test_an_empty_marked_part_does_not_hide_the_text() -> None:
    page = parsed(f"<body><main></main><div><h1>Subject</h1>{TEXT}</div></body>")
    assert "A library collects" in page.markdown


def test_a_short_marked_part_is_a_short_page() -> None:
    page = parsed(
        f"<body><div class=x><p>{PROSE}</p><p>{PROSE}</p></div><main><h1>Moved</h1><p>See the new place of this page.</p></main>"
    )
    assert page.markdown == "# Moved\n\nSee the new place of this page."


def test_a_wrapper_with_an_unlucky_name_is_not_cut() -> None:
    page = parsed(f'<body><div class="has-sidebar nav-open sidebar"><h1>Subject</h1>{TEXT}</div></body>')
    assert "A library collects" in page.markdown


def test_footnotes_and_boxes_in_the_text_are_content() -> None:
    page = parsed(
        f"<main><h1>S</h1>{TEXT}<aside class=sidebar><p class=sidebar-title>Important</p><p>Box</p></aside>"
        "<aside class='footnote-list'><aside class='footnote'>[1] A note</aside></aside></main>"
    )
    assert "Box" in page.markdown
    assert "[1] A note" in page.markdown

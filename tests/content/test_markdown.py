"""Golden cases of the markdown writer, one construct each; the pages are our own."""

# ruff: noqa: E501 - a case a line

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.content.pages import PROSE, markdown_of, parsed


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        # paragraphs and inline marks
        ("<p>One\n  <b>bold</b>, <i>it</i>, <s>old</s> &amp; <code>a  b</code>.</p>", "One **bold**, *it*, ~~old~~ & `a b`."),
        ("<p>a<b> b </b>c</p>", "a **b** c"),
        ("<p><code>a</code><code>b</code> <b>c</b><b>d</b></p>", "`ab` **cd**"),
        ("<p><code>a`b</code></p>", "`` a`b ``"),
        ("<p>one<br>two</p>", "one\\\ntwo"),
        ("<div>one<br><br>two</div>", "one\n\ntwo"),
        ("<p>10<sup>6</sup>, note<sup><a href=#n>1</a></sup></p>", "10^6, note1"),
        ("<p>Press <kbd>Ctrl</kbd>, said <q>she</q></p>", "Press `Ctrl`, said “she”"),
        ("<p><ruby>漢字<rp>(</rp><rt>かんじ</rt><rp>)</rp></ruby></p>", "漢字"),
        # what markdown would take for markup
        ("<p>*args, __init__, a_b, 2 * 3, List&lt;int&gt; and `x`</p>", "\\*args, \\_\\_init\\_\\_, a_b, 2 * 3, List\\<int> and \\`x\\`"),
        ("<p># no heading</p><p>1. no list</p><p>- nor this</p>", "\\# no heading\n\n1\\. no list\n\n\\- nor this"),
        # headings
        ('<h2>Two <code>x</code><a class="headerlink" href="#two">¶</a></h2>', "## Two `x`"),
        ("<h3><b>Bold</b></h3>", "### Bold"),
        # links and images
        ('<p><a href="b.html#x">b</a> <a href="#here">here</a> <a href="mailto:x@y.test">m</a></p>', "[b](https://site.test/guide/b.html) here m"),
        ('<p><a href="a(1).html"><code>f()</code></a></p>', "[`f()`](<https://site.test/guide/a(1).html>)"),
        ('<p><img src="/i.png" alt="An [image]"> <img src="data:image/png;base64,AA" alt="inline"></p>', "![An \\[image\\]](https://site.test/i.png) inline"),
        ('<a href="card.html"><div><h3>Card</h3><p>Text</p></div></a>', "### Card\n\nText"),
        # lists
        ("<ul><li>a<li>b<ul><li>c</ul><li></ul>", "- a\n- b\n  - c"),
        ('<ol start="9"><li>a<li><p>b</p><p>c</p></ol>', "9. a\n\n10. b\n\n    c"),
        ("<ul><li>a</li><ul><li>b</li></ul></ul>", "- a\n  - b"),
        ("<ul><li><input type=checkbox checked> done<li><input type=checkbox> open</ul>", "- [x] done\n- [ ] open"),
        ("<ul><li>run<pre>a\n  b</pre></ul>", "- run\n\n  ```\n  a\n    b\n  ```"),
        # definition lists
        ("<dl><dt>term</dt><dd><p>what it is</p></dd><dt><code>-x</code><dd>option</dl>", "**term**\n\nwhat it is\n\n**`-x`**\n\noption"),
        (
            '<dl class="py function"><dt class="sig sig-object py"><span>dump</span>(<em>obj</em>, *, <em>k</em>=1)<a class="reference" href="s"><span>[source]</span></a><a class="headerlink" href="#d">¶</a></dt><dd>Writes.</dd></dl>',
            "**`dump(obj, *, k=1)`**\n\nWrites.",
        ),
        (
            '<dl class="toc"><dt><a href="1.html">1. A</a></dt><dd><dl><dt><a href="11.html">1.1. B</a></dt></dl></dd></dl>',
            "- [1. A](https://site.test/guide/1.html)\n  - [1.1. B](https://site.test/guide/11.html)",
        ),
        # quotations and admonitions
        ("<blockquote><p>a</p><p>b</p><footer>who</footer></blockquote>", "> a\n>\n> b\n>\n> who"),
        ('<div class="admonition note"><p class="admonition-title">Note</p><p>Mind this.</p></div>', "> **Note**\n>\n> Mind this."),
        ('<div class="warning"><h3 class="title">Warning</h3><p>Mind this.</p></div>', "> **Warning**\n>\n> Mind this."),
        ('<div class="tip"><h3>Tip</h3><p>Run:</p><pre>x\n y</pre></div>', "**Tip**\n\nRun:\n\n```\nx\n y\n```"),
        ("<details><summary>More</summary><p>text</p></details>", "**More**\n\ntext"),
        # tables
        (
            "<table><caption>T</caption><thead><tr><th>a<th>b</thead><tr><td>1|2<td><code>x|y</code><tr><td colspan=2>both</table>",
            "T\n\n| a | b |\n| --- | --- |\n| 1\\|2 | `x\\|y` |\n| both |  |",
        ),
        ("<table><tr><td rowspan=2>a<td>b<tr><td>c</table>", "|  |  |\n| --- | --- |\n| a | b |\n|  | c |"),
        ("<table><tr><th>k<th>v<tr><td>x<td><p>one</p><p>two<br>three</p></table>", "| k | v |\n| --- | --- |\n| x | one<br>two<br>three |"),
        ("<table><tr><td><h3>Left</h3><p>a</p></td><td><p>b</p></td></tr></table>", "### Left\n\na\n\nb"),
        # code
        ("<pre>\n  a\n\n\tb  \nc\n</pre>", "```\n  a\n\n\tb  \nc\n```"),
        ("<pre>```</pre>", "````\n```\n````"),
        ('<pre><code class="language-js">let a;</code></pre>', "```javascript\nlet a;\n```"),
        ('<div class="highlight-python3 notranslate"><div class="highlight"><pre><span></span><span class=k>if</span> x:\n    y</pre></div></div>', "```python\nif x:\n    y\n```"),
        ('<div class="highlight-default"><div class="highlight"><pre>&gt;&gt;&gt; 1\n1</pre></div></div>', "```pycon\n>>> 1\n1\n```"),
        ('<pre class="brush: sql; gutter: false">SELECT 1;</pre>', "```sql\nSELECT 1;\n```"),
        ('<pre data-lang="c++">x</pre>', "```cpp\nx\n```"),
        ('<pre><code><span class="line-x">a<br></span><span>  b<br></span></code></pre>', "```\na\n  b\n```"),
        ('<pre><code><div>a</div><div>  b</div></code><button>Copy</button></pre>', "```\na\n  b\n```"),
        ('<table class="highlighttable"><tr><td class="linenos"><pre>1\n2</pre></td><td class="code"><pre>a\nb</pre></td></tr></table>', "```\na\nb\n```"),
        ('<pre><span class="linenos">1</span>a\n<span class="linenos">2</span>b</pre>', "```\na\nb\n```"),
        # other things
        ("<p>a</p><hr><p>b</p>", "a\n\n---\n\nb"),
        ("<p>Is <math><semantics><mi>x</mi><annotation encoding='application/x-tex'>x^2</annotation></semantics></math>.</p>", "Is $x^2$."),
        ("<div><svg><text>SELECT</text><text>DISTINCT</text><text>expr</text></svg></div>", "*Diagram: SELECT DISTINCT expr*"),
        ("<p>a<svg><title>Icon</title><path/></svg></p>", "a"),
        ("<p>a</p><script>x()</script><style>p{}</style><template><p>t</p></template><noscript>n</noscript>", "a"),
        ('<div role="tabpanel" hidden><p>other tab</p></div><div hidden>gone</div><div style="display: none">gone</div>', "other tab"),
        ("<custom-tag><p>a</p></custom-tag><custom-inline>b</custom-inline>", "a\n\nb"),
    ],
)  # fmt: skip
def test_golden(html: str, markdown: str) -> None:
    assert markdown_of(html) == markdown


def test_the_outline_has_levels_and_plain_text() -> None:
    page = parsed(f"<main><h1>A <code>x</code> b</h1><p>{PROSE}</p><h2>C_d <a href=y>e</a></h2></main>")
    assert page.headings == ((1, "A x b"), (2, "C_d e"))


def test_the_title_of_a_box_is_not_in_the_outline() -> None:
    page = parsed(f'<main><p>{PROSE}</p><div class="note"><h3>Note</h3><p>Text.</p></div></main>')
    assert page.headings == ()


def test_links_to_the_page_itself_are_text() -> None:
    assert markdown_of('<p><a href="page.html#x">up</a></p>') == "up"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=80))
def test_code_is_kept_to_the_letter(code: str) -> None:
    code = f"x{code}\n  y"
    html = code.replace("&", "&amp;").replace("<", "&lt;")
    fence = "`" * max([3, *(len(run) + 1 for run in re.findall(r"`{3,}", code))])
    assert markdown_of(f"<pre>{html}</pre>") == f"{fence}\n{code}\n{fence}"

"""What a page says about itself."""

from datetime import UTC, datetime

import pytest

from quaero_desktop.content.metadata import milliseconds
from tests.content.pages import parsed

MOMENT = int(datetime(2024, 3, 5, 12, 30, tzinfo=UTC).timestamp() * 1000)
DAY = int(datetime(2024, 3, 5, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("html", "title"),
    [
        ("<title> One\n  line </title><h1>Other</h1>", "One line"),
        ('<meta property="og:title" content="Shared"><h1>Other</h1>', "Shared"),
        ("<title></title><h1>The heading<a class=headerlink href=#x>¶</a></h1><p>Text</p>", "The heading"),
        ("<p>No title at all</p>", "page.html"),
        ("<svg><title>Icon</title></svg><p>Text</p>", "page.html"),
        ("", "page.html"),
    ],
)
def test_a_title_is_never_empty(html: str, title: str) -> None:
    assert parsed(html).title == title


@pytest.mark.parametrize(
    ("url", "title"),
    [
        ("https://site.test/a/b%20c/", "b c"),
        ("https://site.test/", "site.test"),
        ("https://site.test/x.pdf?page=1", "x.pdf"),
        ("https://site.test/%E5%9B%B3", "図"),
    ],
)
def test_the_last_resort_for_a_title_is_the_address(url: str, title: str) -> None:
    assert parsed("", url=url).title == title


def test_description_author_and_canonical_url() -> None:
    page = parsed(
        '<meta name="Description" content=" What it\n is about "><meta name="author" content="Ann Author">'
        '<link rel="canonical" href="/guide/#x"><p>Text</p>'
    )
    assert (page.description, page.author, page.canonical) == (
        "What it is about",
        "Ann Author",
        "https://site.test/guide/",
    )


def test_structured_data_names_author_and_date() -> None:
    page = parsed(
        '<script type="application/ld+json">{"@context":"x","@graph":[{"@type":"Person","name":"No"},{"@type":'
        '["NewsArticle"],"author":[{"name":"Ann"},{"name":"Bob"}],"datePublished":"2024-03-05T12:30:00Z"}]}</script>'
    )
    assert (page.author, page.published) == ("Ann, Bob", MOMENT)


@pytest.mark.parametrize("broken", ["{", "[" * 100_000, '{"@type": "Article", "author": {"name": []}}', "null", '"x"'])
def test_broken_structured_data_is_ignored(broken: str) -> None:
    page = parsed(f'<script type="application/ld+json">{broken}</script><p>Text</p>')
    assert (page.author, page.published) == ("", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-05T12:30:00Z", MOMENT),
        ("2024-03-05T13:30:00+01:00", MOMENT),
        ("2024-03-05 12:30", MOMENT),
        ("2024-03-05", DAY),
        ("2024/3/5", DAY),
        ("20240305", DAY),
        ("Tue, 05 Mar 2024 12:30:00 GMT", MOMENT),
        ("yesterday", None),
        ("1970-01-01", None),
        ("2024-13-45", None),
        ("9999999-01-01", None),
        ("", None),
    ],
)
def test_moments(text: str, expected: int | None) -> None:
    assert milliseconds(text) == expected


@pytest.mark.parametrize(
    "html",
    [
        '<meta property="article:published_time" content="2024-03-05">',
        '<meta name="DC.date" content="2024-03-05">',
        "<time datetime=2024-03-05>last week</time>",
        '<meta name="date" content="some day"><time datetime=2024-03-05>x</time>',
    ],
)
def test_the_day_of_publication(html: str) -> None:
    assert parsed(f"{html}<p>Text</p>").published == DAY


@pytest.mark.parametrize(
    ("html", "language"),
    [
        ('<html lang="en-GB"><p>x</html>', "en-gb"),
        ('<html xml:lang="de"><p>x</html>', "de"),
        ('<meta http-equiv="Content-Language" content="fr, en"><p>x', "fr"),
        ('<meta property="og:locale" content="pt_BR"><p>x', "pt-br"),
        ('<html lang="not a language"><p>x</html>', ""),
        ("<p>図書館は資料を集めて保存するところです。", "ja"),
        ("<p>图书馆是收集和保存书籍的地方。", "zh"),
        ("<p>도서관은 책을 모아서 보관하는 곳입니다.", "ko"),
        ("<p>A page in English that says 図.", ""),
    ],
)
def test_language(html: str, language: str) -> None:
    assert parsed(html).language == language


@pytest.mark.parametrize(
    ("content", "wishes"),
    [
        ("index,follow", (False, False)),
        ("NOINDEX", (True, False)),
        ("noarchive, nofollow", (False, True)),
        ("none", (True, True)),
    ],
)
def test_wishes_to_robots(content: str, wishes: tuple[bool, bool]) -> None:
    page = parsed(f'<meta name="robots" content="{content}"><p>x')
    assert (page.noindex, page.nofollow) == wishes

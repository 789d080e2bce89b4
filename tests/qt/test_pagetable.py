"""The table of pages as a model: rows that are read when they are seen, and no fault that Qt's own tester finds."""

import asyncio
from array import array
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester, QSignalSpy
from PySide6.QtWidgets import QApplication

from quaero_desktop.domain.pagelist import PageRow
from quaero_desktop.ui.models import pagetable
from quaero_desktop.ui.models.pagetable import ID_ROLE, PageColumn, PageTable, reason_words
from quaero_desktop.ui.tasks import Tasks
from quaero_desktop.ui.theme import Mode, Theme

NOW = 1_700_000_000_000


def row(job_id: int, **fields: Any) -> PageRow:
    """Return a row; everything that is not given is that of a stored page."""
    values: dict[str, Any] = {
        "id": job_id, "root_id": 1, "parent_id": 1, "status": "completed", "type": "crawler_url", "phase": "core",
        "code": 200, "title": f"Page {job_id}", "url": f"https://site.test/p/{job_id}", "depth": 2, "bytes": 4_200,
        "elapsed_ms": 84, "cause": None, "error": None, "attempt": 1, "document_id": job_id, "created_at": NOW,
        "started_at": NOW, "completed_at": NOW + 84, "revision": 1,
    }  # fmt: skip
    return PageRow(**values | fields)


class Shelf:
    """Gives rows by their ids, as the library does, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.rows: dict[int, PageRow] = {}
        self.asked: list[list[int]] = []
        self.open = asyncio.Event()
        self.open.set()

    def add(self, *rows: PageRow) -> None:
        self.rows.update((each.id, each) for each in rows)

    async def read(self, ids: Sequence[int]) -> tuple[PageRow, ...]:
        self.asked.append(list(ids))
        await self.open.wait()
        return tuple(self.rows[job_id] for job_id in ids if job_id in self.rows)


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme(qapp, Mode.LIGHT)
    yield theme
    theme.deleteLater()


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def tasks() -> Tasks:
    def bug(error: BaseException) -> None:
        raise error

    return Tasks(bug, bug)


def make(theme: Theme, tasks: Tasks, shelf: Shelf, *, tested: bool = True) -> PageTable:
    """Return a model that Qt's own tester watches; what it finds wrong is a warning of Qt's, which fails the test."""
    model = PageTable(theme, tasks, shelf.read)
    if tested:
        model.tester = QAbstractItemModelTester(  # type: ignore[attr-defined]
            model, QAbstractItemModelTester.FailureReportingMode.Warning
        )
    # There is no Qt event loop here to fire its timer: the tests do.
    model._soon.start = lambda *_: None  # type: ignore[method-assign]
    return model


@pytest.fixture
def model(theme: Theme, tasks: Tasks, shelf: Shelf) -> PageTable:
    return make(theme, tasks, shelf)


@pytest.fixture
def unwatched(theme: Theme, tasks: Tasks, shelf: Shelf) -> PageTable:
    """A model for tests of what is read: Qt's tester looks at every row, which counts as painting it."""
    return make(theme, tasks, shelf, tested=False)


async def look(model: PageTable) -> None:
    """Read what was missed."""
    model._read_missed()
    while model._reading is not None:  # noqa: ASYNC110 (nothing announces it)
        await asyncio.sleep(0)


def ids(*numbers: int) -> "array[int]":
    return array("q", numbers)


def said(model: PageTable, place: int, column: PageColumn = PageColumn.TITLE) -> str:
    return str(model.index(place, column).data())


async def test_a_row_is_unknown_until_it_was_seen_and_then_says_everything(model: PageTable, shelf: Shelf) -> None:
    shelf.add(row(7))
    model.replace(ids(7))

    assert said(model, 0) == "…"
    await look(model)

    assert [said(model, 0, column) for column in PageColumn][:9] == [
        "✓ done", "200", "Page 7", "https://site.test/p/7", "2", "4.2 kB", "84 ms", "", "page",
    ]  # fmt: skip


async def test_painting_many_rows_asks_once_with_their_neighbours(unwatched: PageTable, shelf: Shelf) -> None:
    shelf.add(*(row(n) for n in range(1000)))
    unwatched.replace(ids(*range(1000)))
    for place in range(500, 540):
        said(unwatched, place)

    await look(unwatched)

    (asked,) = shelf.asked
    assert asked == list(range(500 - pagetable._NEIGHBOURS, 540 + pagetable._NEIGHBOURS))


async def test_of_what_was_scrolled_past_only_the_newest_is_read(unwatched: PageTable, shelf: Shelf) -> None:
    unwatched.replace(ids(*range(100_000)))
    for place in range(0, 100_000, 50):
        said(unwatched, place)

    await look(unwatched)

    assert sum(map(len, shelf.asked)) <= pagetable._MOST_AT_ONCE + 2 * pagetable._NEIGHBOURS
    assert 99_950 in shelf.asked[-1]


async def test_rows_far_away_are_forgotten(unwatched: PageTable, shelf: Shelf, monkeypatch) -> None:
    monkeypatch.setattr(pagetable, "_MOST_KEPT", 100)
    shelf.add(*(row(n) for n in range(1000)))
    unwatched.replace(ids(*range(1000)))
    for place in (0, 500, 900):
        said(unwatched, place)
        await look(unwatched)

    assert unwatched.known(900) is not None
    assert unwatched.known(0) is None


async def test_a_refresh_tells_only_of_what_changed_and_never_shows_an_empty_row(
    model: PageTable, shelf: Shelf
) -> None:
    shelf.add(*(row(n, status="pending") for n in range(10)))
    model.replace(ids(*range(10)))
    said(model, 0)
    await look(model)
    told = QSignalSpy(model.dataChanged)
    shelf.add(row(3, revision=2), row(4, revision=2), row(7, revision=2))

    model.refresh(0, 9)
    assert said(model, 3, PageColumn.STATUS) == "○ pending"
    await look(model)

    assert [(told.at(n)[0].row(), told.at(n)[1].row()) for n in range(told.count())] == [(3, 4), (7, 7)]
    assert said(model, 3, PageColumn.STATUS) == "✓ done"


async def test_what_is_not_seen_is_read_anew_when_it_is_seen_again(unwatched: PageTable, shelf: Shelf) -> None:
    shelf.add(*(row(n) for n in range(1000)))
    unwatched.replace(ids(*range(1000)))
    for place in (0, 900):
        said(unwatched, place)
        await look(unwatched)
    shelf.add(row(900, title="Another"))

    unwatched.refresh(0, 20)
    await look(unwatched)
    assert said(unwatched, 900) == "Page 900"
    await look(unwatched)

    assert said(unwatched, 900) == "Another"


async def test_a_row_that_was_deleted_says_so_and_is_not_asked_for_again_and_again(
    unwatched: PageTable, shelf: Shelf
) -> None:
    unwatched.replace(ids(7))
    said(unwatched, 0)
    await look(unwatched)
    said(unwatched, 0)
    await look(unwatched)

    assert said(unwatched, 0, PageColumn.STATUS) == "deleted"
    assert len(shelf.asked) == 1


async def test_what_was_painted_while_it_was_being_read_is_told_of(unwatched: PageTable, shelf: Shelf) -> None:
    """A row that moved meanwhile was painted at its new place as unknown: it must not stay so."""
    shelf.add(row(1), row(2))
    shelf.open.clear()
    unwatched.replace(ids(1, 2))
    said(unwatched, 0)
    unwatched._read_missed()
    await asyncio.sleep(0)
    unwatched.replace(ids(2, 1))
    assert said(unwatched, 0) == "…"
    told = QSignalSpy(unwatched.dataChanged)
    shelf.open.set()
    while unwatched._reading is not None:  # noqa: ASYNC110 (nothing announces it)
        await asyncio.sleep(0)
    await look(unwatched)

    places = {n for spot in range(told.count()) for n in range(told.at(spot)[0].row(), told.at(spot)[1].row() + 1)}
    assert 0 in places
    assert said(unwatched, 0) == "Page 2"


async def test_what_is_read_for_a_root_before_is_not_shown_for_this_one(unwatched: PageTable, shelf: Shelf) -> None:
    shelf.add(row(1))
    shelf.open.clear()
    unwatched.replace(ids(1))
    said(unwatched, 0)
    unwatched._read_missed()
    await asyncio.sleep(0)

    unwatched.clear()
    shelf.open.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    assert unwatched.known(1) is None


def test_the_first_screen_stands_for_the_whole_list_until_that_is_known(model: PageTable) -> None:
    model.begin([row(5), row(6)], 1_000)

    assert (model.rowCount(), model.columnCount()) == (1_000, len(PageColumn))
    assert [said(model, 1), said(model, 2)] == ["Page 6", "…"]
    assert model.id_at(2) is None
    assert model.begun_with(ids(5, 6, 7))
    assert not model.begun_with(ids(6, 5, 7))


def test_more_rows_come_at_the_end_without_a_reset(model: PageTable) -> None:
    model.replace(ids(1, 2))
    resets, told = QSignalSpy(model.modelReset), QSignalSpy(model.dataChanged)

    model.replace(ids(1, 2, 3))
    model.append(ids(4))

    assert list(model.ids) == [1, 2, 3, 4]
    assert resets.count() == told.count() == 0


def test_the_same_list_again_says_nothing(model: PageTable) -> None:
    model.replace(ids(1, 2))
    told = QSignalSpy(model.dataChanged)

    model.replace(ids(1, 2))

    assert told.count() == 0


def test_addresses_of_the_crawls_own_site_are_shown_as_paths(model: PageTable) -> None:
    model.begin([row(1), row(2, url="https://other.test/x")], 2)

    model.set_origin("https://site.test/")

    assert [said(model, n, PageColumn.URL) for n in (0, 1)] == ["/p/1", "https://other.test/x"]
    assert "https://site.test/p/1" in model.index(0, PageColumn.URL).data(Qt.ItemDataRole.ToolTipRole)


def test_what_a_page_calls_itself_can_do_no_harm(model: PageTable) -> None:
    model.begin([row(1, title="<b>a\n\u202eb</b>" + "x" * 5_000, error="<img src=x>", status="failed")], 1)

    title = said(model, 0)
    tip = model.index(0, PageColumn.REASON).data(Qt.ItemDataRole.ToolTipRole)

    assert "\n" not in title
    assert "\u202e" not in title
    assert len(title) <= 400
    assert "<img" not in tip


def test_a_status_has_its_colour_in_light_and_in_dark(model: PageTable, theme: Theme) -> None:
    model.begin([row(1, status="failed")], 1)
    index = model.index(0, PageColumn.STATUS)
    light = index.data(Qt.ItemDataRole.ForegroundRole)

    theme.set_mode(Mode.DARK)

    assert light != index.data(Qt.ItemDataRole.ForegroundRole) == theme.status_colour("failed")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"cause": "not_found"}, "The page does not exist (404)"),
        ({"cause": "depth", "status": "skipped"}, "Too many links away"),
        ({"cause": "of_an_import"}, "Of an import"),
        ({"error": "It went wrong."}, "It went wrong."),
        ({"status": "pending", "attempt": 2}, "attempt 2"),
        ({}, ""),
    ],
)
def test_reasons_are_said_in_plain_words(fields: dict[str, Any], words: str) -> None:
    assert reason_words(row(1, **fields)) == words


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("replace"), st.lists(st.integers(1, 40), unique=True, max_size=12)),
        st.tuples(st.just("append"), st.lists(st.integers(41, 60), unique=True, max_size=4)),
        st.tuples(st.just("begin"), st.integers(0, 9)),
        st.tuples(st.just("refresh"), st.integers(0, 9)),
        st.tuples(st.just("paint"), st.integers(0, 11)),
        st.tuples(st.just("read"), st.none()),
        st.tuples(st.just("clear"), st.none()),
    ),
    max_size=15,
)


def test_whatever_happens_in_whatever_order_qt_finds_no_fault(theme: Theme) -> None:
    @hypothesis_settings(max_examples=50)
    @given(_STEPS)
    def check(steps: list[Any]) -> None:
        asyncio.run(_live(theme, steps))

    check()


async def _live(theme: Theme, steps: list[Any]) -> None:
    shelf = Shelf()
    shelf.add(*(row(n) for n in range(1, 61) if n % 5))
    model = make(theme, Tasks(lambda error: None, lambda error: None), shelf)
    for step, value in steps:
        match step:
            case "replace":
                model.replace(ids(*value))
            case "append" if model.rowCount() == len(model.ids):
                model.append(ids(*(each for each in value if each not in model.ids)))
            case "begin":
                model.begin([row(n) for n in range(1, value + 1)], 10)
            case "refresh":
                model.refresh(0, value)
            case "paint":
                model.index(value, 0).data()
            case "read":
                await look(model)
            case "clear":
                model.clear()
        assert model.rowCount() >= len(model.ids)
        for place in range(model.rowCount()):
            assert model.index(place, 0).data(ID_ROLE) == model.id_at(place)
    await look(model)
    assert model.rowCount(QModelIndex()) == model.rowCount()

"""The log console: what it shows, follows, filters, copies and exports."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QGuiApplication, QPalette, QWheelEvent
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QFileDialog, QLineEdit, QPlainTextEdit, QToolButton

from quaero_desktop.domain.jobs import TailLine
from quaero_desktop.ui import format
from quaero_desktop.ui.models import logtail
from quaero_desktop.ui.models.log import LEVEL_WORDS, Column, LogModel, LogRow
from quaero_desktop.ui.theme import Mode, contrast
from quaero_desktop.ui.views.log import LogConsole
from quaero_desktop.ui.views.logtable import LogTable
from tests.support.qtwindow import QtWorld, qt_world

NOON = 1_795_000_000_000
DOCS, WIKI, PAGE, OTHER_PAGE, WIKI_PAGE = 1, 2, 11, 12, 21
PULL_MS = 40
LEVELS = {"debug": 0, "info": 1, "warn": 2, "error": 3}


def row(number: int, message: str = "", level: str = "info") -> LogRow:
    line = TailLine(
        id=number,
        job_id=PAGE,
        root_id=DOCS,
        at=NOON + number,
        level=level,
        message=message or f"line {number}",
        name="",
    )
    return LogRow.of(line, with_host=False)


# --- The model ------------------------------------------------------------------------------------------------------


def ids(model: LogModel) -> list[int]:
    return [each.id for each in model.rows()]


@pytest.fixture
def model(qapp: QApplication) -> Iterator[LogModel]:
    made = LogModel(capacity=10)
    tester = QAbstractItemModelTester(made, QAbstractItemModelTester.FailureReportingMode.Fatal)
    yield made
    tester.deleteLater()
    made.deleteLater()


def test_newer_lines_push_out_the_oldest(model):
    assert model.append([row(number) for number in range(1, 9)]) == 0
    assert model.append([row(number) for number in range(9, 13)]) == 2
    assert ids(model) == list(range(3, 13))
    assert model.append([row(number) for number in range(13, 40)]) == 10
    assert ids(model) == list(range(30, 40))


def test_older_lines_push_out_the_newest(model):
    model.replace([row(number) for number in range(11, 19)])
    assert model.prepend([row(number) for number in range(6, 11)]) == 5
    assert ids(model) == list(range(6, 16))


def test_a_filter_looks_at_message_job_and_level_in_any_case(model):
    model.replace([row(1, "Saved a page"), row(2, "No such page", "error"), row(3, "Trying again", "warn")])
    for text, found in {"PAGE": [1, 2], " saved ": [1], "warning": [3], "nothing": [], "": [1, 2, 3]}.items():
        model.set_filter(text)
        assert ids(model) == found, text


def test_a_line_is_found_by_its_id(model):
    model.replace([row(2), row(5), row(9)])
    assert [model.row_of_line(number) for number in (2, 5, 6, 9)] == [0, 1, None, 2]


def test_a_text_from_the_web_is_one_harmless_line(model):
    model.append([row(1, "one\ntwo\u202ethree\x1b[31m" + "x" * 5000)])
    shown = model.data(model.index(0, Column.MESSAGE))
    assert shown.startswith("one two three [31mxxx")
    assert len(shown) <= 2000
    model.append([row(2, "Stored “<img src=x>”")])
    assert model.data(model.index(1, Column.MESSAGE)) == "Stored “<img src=x>”"
    tip = model.data(model.index(1, Column.MESSAGE), Qt.ItemDataRole.ToolTipRole)
    assert tip == "<qt/>Stored “&lt;img src=x&gt;”"


batches = st.lists(
    st.tuples(st.sampled_from(["append", "prepend", "replace", "filter"]), st.integers(0, 14)), max_size=20
)


@given(batches)
def test_whatever_comes_the_ring_holds_what_it_should(qapp, steps):
    model = LogModel(capacity=10)
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    expected: list[int] = []
    low, high, needle = 10_000, 10_000, ""
    for step, number in steps:
        if step == "append":
            new = list(range(high, high + number))
            high += number
            model.append([row(each) for each in new])
            expected = (expected + new)[-10:]
        elif step == "prepend":
            new = list(range(low - number, low))
            low -= number
            model.prepend([row(each) for each in new])
            expected = (new[-10:] + expected)[:10]
        elif step == "replace":
            low, high = 10_000, 10_000 + number
            model.replace([row(each) for each in range(low, high)])
            expected = list(range(low, high))[-10:]
        else:
            needle = str(number % 4) if number % 5 else ""
            model.set_filter(needle)
        assert ids(model) == [each for each in expected if needle in f"line {each}"]
        assert model.total == len(expected)
    tester.deleteLater()
    model.deleteLater()


# --- The console ----------------------------------------------------------------------------------------------------


class Library:
    """Writes jobs and lines behind the window's back, as an engine would."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None, timeout=5)
        for job, parent, name, url in (
            (DOCS, None, "docs.quaero.org", None),
            (WIKI, None, "wiki.quaero.org", None),
            (PAGE, DOCS, None, "https://docs.quaero.org/library/json"),
            (OTHER_PAGE, DOCS, None, "https://docs.quaero.org/library/csv"),
            (WIKI_PAGE, WIKI, None, "https://wiki.quaero.org/start"),
        ):
            self._connection.execute(
                "INSERT INTO jobs (id, parent_id, root_id, type, status, name, url, created_at, revision)"
                " VALUES (?, ?, ?, 'crawl', 'running', ?, ?, 0, 1)",
                (job, parent, parent, name, url),
            )
        self.lines = 0

    def log(self, number: int = 1, job: int = PAGE, level: str = "info", message: str = "") -> None:
        """Add so many lines."""
        root = {PAGE: DOCS, OTHER_PAGE: DOCS, WIKI_PAGE: WIKI}.get(job, job)
        first = self.lines + 1
        self.lines += number
        self._connection.executemany(
            "INSERT INTO job_logs (job_id, root_id, at, level, message) VALUES (?, ?, ?, ?, ?)",
            [
                (job, root, NOON + each, LEVELS[level], message or f"line {each}")
                for each in range(first, first + number)
            ],
        )

    def trash(self, job: int, moment: int | None = 1) -> None:
        """Delete a job, or take it back."""
        self._connection.execute("UPDATE jobs SET trashed_at = ? WHERE id = ?", (moment, job))

    def close(self) -> None:
        """Be gone."""
        self._connection.close()


@pytest.fixture
def library(world: QtWorld) -> Iterator[Library]:
    with closing(Library(world.services.files.database)) as made:
        yield made


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logtail, "PULL_MS", PULL_MS)
    monkeypatch.setattr(logtail, "_IDLE_MS", PULL_MS)
    monkeypatch.setattr(logtail, "PAGE", 100)


class Console:
    """A console on the screen, and what a person does with it."""

    def __init__(self, world: QtWorld) -> None:
        self.world = world
        self.widget = LogConsole(world.context)
        self.model = self.widget.model
        self.tail = self.widget.tail
        self.jobs: list[int] = []
        self.widget.job_activated.connect(self.jobs.append)
        self.tester = QAbstractItemModelTester(self.model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        (self.table,) = self.widget.findChildren(LogTable)
        (self.level,) = self.widget.findChildren(QComboBox)
        (self.children,) = self.widget.findChildren(QCheckBox)
        (self.filter,) = self.widget.findChildren(QLineEdit)
        (self.follow,) = self.widget.findChildren(QToolButton, "logFollow")
        (self.pause,) = self.widget.findChildren(QToolButton, "logPause")
        world.show(self.widget, 900, 300)
        self.loaded()

    def loaded(self) -> None:
        self.world.wait_until(lambda: not self.tail.loading)

    def messages(self) -> list[str]:
        return [each.message for each in self.model.rows()]

    def shows(self, *messages: str) -> None:
        self.world.wait_until(lambda: self.messages() == list(messages))

    def has(self, shown: int) -> None:
        self.world.wait_until(lambda: self.model.shown == shown)

    @property
    def at_end(self) -> bool:
        bar = self.table.verticalScrollBar()
        return bar.maximum() > 0 and bar.value() == bar.maximum()

    def top_line(self) -> str:
        return self.model.row(self.table.rowAt(1)).message

    def do(self, act: Callable[[], object]) -> None:
        """Do as a person does: in an event of Qt's while the loop runs, and not within a task."""
        done: list[object] = []
        QTimer.singleShot(0, lambda: done.append(act()))
        self.world.wait_until(lambda: bool(done))

    def wheel(self, notches: int) -> None:
        middle = QPointF(self.table.viewport().rect().center())
        event = QWheelEvent(
            middle, self.table.viewport().mapToGlobal(middle), QPoint(), QPoint(0, 120 * notches),
            Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        self.do(lambda: QApplication.sendEvent(self.table.viewport(), event))

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        self.do(lambda: QTest.keyClick(self.table, key, modifier))

    def button(self, name: str) -> QToolButton:
        (found,) = (each for each in self.widget.findChildren(QToolButton) if each.accessibleName() == name)
        return found

    def sentence(self) -> str:
        return self.widget._why_empty() if self.widget._pages.currentIndex() else ""


@pytest.fixture
def console(world: QtWorld, library: Library) -> Iterator[Console]:
    made = Console(world)
    yield made
    made.widget.close()
    made.tester.deleteLater()
    made.widget.deleteLater()


def test_lines_appear_as_they_are_written(console, library):
    assert console.sentence() == "Nothing was logged yet. Start a crawl and watch it here."
    library.log(message="Saved “json”")
    console.shows("Saved “json”")
    library.log(message="Saved “csv”", job=OTHER_PAGE)
    console.shows("Saved “json”", "Saved “csv”")
    cells = [console.model.data(console.model.index(1, column)) for column in Column]
    assert cells[1:] == ["info", "docs.quaero.org/library/csv", "Saved “csv”"]


def test_of_one_job_only_its_own_lines_are_shown(console, library):
    library.log(message="json")
    library.log(job=DOCS, message="docs")
    library.log(job=WIKI_PAGE, message="wiki")
    console.shows("json", "docs", "wiki")
    console.widget.show_job(DOCS, DOCS)
    console.shows("json", "docs")
    assert not console.table.isColumnHidden(Column.JOB)
    assert console.model.data(console.model.index(0, Column.JOB)) == "/library/json"
    console.do(console.children.click)
    console.shows("docs")
    assert console.table.isColumnHidden(Column.JOB)
    console.widget.show_job(PAGE, DOCS)
    console.shows("json")
    assert not console.children.isEnabled()
    console.world.wait_until(lambda: console.widget._scope.text() == "/library/json in docs.quaero.org")
    console.do(console.button("Show the log of all jobs").click)
    console.shows("json", "docs", "wiki")
    assert console.widget._scope.text() == "All jobs"


def test_the_level_and_the_children_are_remembered(console, library, world):
    library.log(level="debug", message="debug")
    library.log(level="info", message="info")
    library.log(level="warn", message="warn")
    library.log(level="error", message="error")
    console.shows("info", "warn", "error")
    for text, shown in (("Debug", 4), ("Warnings", 2), ("Errors", 1)):
        console.level.setCurrentText(text)
        console.has(shown)
    other = Console(world)
    other.shows("error")
    assert other.level.currentText() == "Errors"
    other.widget.close()
    other.tester.deleteLater()
    other.widget.deleteLater()


def test_an_empty_console_says_why(console, library):
    console.level.setCurrentText("Errors")
    console.world.wait_until(lambda: console.sentence().startswith("No errors."))
    console.level.setCurrentText("Info")
    library.log()
    console.has(1)
    console.filter.setText("nowhere")
    assert console.sentence() == "None of the 1 line contains this text."
    console.filter.clear()
    console.do(console.button("Clear the view; the library keeps the lines").click)
    assert console.sentence() == "The view was cleared. New lines appear here."
    library.log(message="new")
    console.shows("new")
    console.widget.show_job(None, WIKI)
    console.world.wait_until(lambda: console.sentence() == "This job has logged nothing yet.")


def test_a_deleted_job_has_no_log_until_it_is_taken_back(console, library):
    library.log()
    console.widget.show_job(None, DOCS)
    console.has(1)
    library.trash(DOCS)
    console.world.wait_until(lambda: console.sentence() == "This job was deleted, and its log with it.")
    assert console.world.notices == []
    library.trash(DOCS, None)
    console.has(1)


def test_it_stays_at_the_end_while_lines_come(console, library):
    for _ in range(3):
        library.log(40)
        console.has(library.lines)
        assert console.at_end
    console.widget.resize(900, 200)
    console.world.wait_until(lambda: console.at_end)
    assert console.follow.isChecked()
    assert console.follow.text() == "Following"


def test_scrolling_up_stops_following_and_nothing_jumps(console, library):
    library.log(100)
    console.has(100)
    console.wheel(3)
    assert not console.tail.following
    assert not console.follow.isChecked()
    top = console.top_line()
    library.log(100)
    console.has(200)
    assert console.top_line() == top
    while not console.at_end:
        console.wheel(-10)
    assert console.tail.following
    library.log(10)
    console.has(210)
    assert console.at_end


@pytest.mark.parametrize("way", ["End", "button"])
def test_one_key_or_click_goes_back_to_the_newest_line(console, library, way):
    library.log(100)
    console.has(100)
    console.press(Qt.Key.Key_Home)
    assert not console.tail.following
    assert console.top_line() == "line 1"
    if way == "End":
        console.press(Qt.Key.Key_End)
    else:
        console.do(console.follow.click)
    assert console.tail.following
    assert console.at_end


def test_who_picks_a_line_is_left_to_read_it(console, library):
    library.log(100)
    console.has(100)
    console.table.selectRow(95)
    assert not console.tail.following
    library.log(5)
    console.has(105)
    assert [each.message for each in console.table.chosen()] == ["line 96"]


def test_older_lines_come_when_one_scrolls_to_the_top(console, library):
    library.log(250)
    console.world.wait_until(lambda: console.model.newest_id == 250)
    console.widget.show_job(None, DOCS)
    console.world.wait_until(lambda: console.model.oldest_id == 151)
    console.press(Qt.Key.Key_Home)
    console.world.wait_until(lambda: console.model.oldest_id == 51)
    assert console.top_line() == "line 151"
    console.press(Qt.Key.Key_Home)
    console.has(250)
    assert not console.tail.has_older


def test_what_is_being_read_is_not_pushed_out(console, library):
    console.model.capacity = 120
    library.log(100)
    console.has(100)
    console.press(Qt.Key.Key_Home)
    library.log(100)
    console.world.wait_until(lambda: console.tail.has_newer)
    assert (console.model.oldest_id, console.model.newest_id) == (1, 120)
    top = console.top_line()
    console.table.verticalScrollBar().setValue(console.table.verticalScrollBar().maximum())
    console.world.wait_until(lambda: console.model.newest_id == 200)
    assert console.model.oldest_id == 81
    assert top == "line 1"
    console.press(Qt.Key.Key_End)
    assert console.tail.following
    library.log(50)
    console.world.wait_until(lambda: console.model.newest_id == 250)
    assert console.at_end


def test_pausing_stops_the_log_and_going_on_catches_up(console, library):
    library.log(message="before")
    console.has(1)
    console.do(console.pause.click)
    assert console.follow.text() == "Paused"
    library.log(message="meanwhile")
    console.world.run(_a_while())
    assert console.messages() == ["before"]
    console.do(console.pause.click)
    console.shows("before", "meanwhile")


async def _a_while() -> None:
    await asyncio.sleep(2.5 * PULL_MS / 1000)


def test_nothing_is_read_while_nobody_sees_it(console, library, monkeypatch):
    reads: list[float] = []
    log_tail = console.world.services.jobs.log_tail

    async def counted(**which: object) -> object:
        reads.append(time.monotonic())
        return await log_tail(**which)

    monkeypatch.setattr(console.world.services.jobs, "log_tail", counted)
    console.widget.hide()
    library.log()
    console.world.run(_a_while())
    assert reads == []
    console.widget.show()
    console.has(1)
    assert reads


def test_a_flood_is_read_in_big_bites_and_not_line_by_line(console, library, monkeypatch):
    appended: list[int] = []
    append = console.model.append

    def counted(rows: Sequence[LogRow]) -> int:
        appended.append(len(rows))
        return int(append(rows))

    monkeypatch.setattr(console.model, "append", counted)
    library.log(500)
    console.world.wait_until(lambda: console.model.newest_id == 500)
    assert max(appended) <= logtail.PAGE
    assert len(appended) <= 6


def test_far_behind_after_a_pause_it_goes_where_the_newest_are(console, library):
    console.do(console.pause.click)
    library.log(900)
    console.do(console.pause.click)
    console.world.wait_until(lambda: console.model.newest_id == 900)
    assert console.tail.has_older
    assert console.model.total < 900


def test_a_filter_looks_through_older_lines_too(console, library):
    library.log(message="The needle")
    library.log(220, message="hay")
    console.widget.show_job(None, DOCS)
    console.has(100)
    console.filter.setText("NEEDLE")
    console.shows("The needle")


def test_the_selected_lines_are_copied_or_all(console, library):
    library.log(message="one")
    library.log(message="two", level="error")
    console.has(2)
    console.table.selectRow(1)
    console.press(Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    text = QGuiApplication.clipboard().text()
    assert text.endswith("  error    https://docs.quaero.org/library/json  two")
    assert text.count("\n") == 0
    console.table.clearSelection()
    console.do(console.button("Copy the selected lines, or all that are shown").click)
    assert [line.rpartition("  ")[2] for line in QGuiApplication.clipboard().text().splitlines()] == ["one", "two"]


def test_enter_and_a_double_click_open_the_job_of_a_line(console, library):
    library.log(job=OTHER_PAGE)
    console.has(1)
    console.press(Qt.Key.Key_End)
    console.press(Qt.Key.Key_Return)
    place = console.table.visualRect(console.model.index(0, Column.MESSAGE)).center()
    viewport, left = console.table.viewport(), Qt.MouseButton.LeftButton
    console.do(lambda: QTest.mouseClick(viewport, left, pos=place))
    console.do(lambda: QTest.mouseDClick(viewport, left, pos=place))
    assert console.jobs == [OTHER_PAGE, OTHER_PAGE]


def test_a_line_that_is_cut_is_shown_whole_when_it_is_selected(console, library):
    library.log(message="short")
    library.log(message="a very long line " * 30)
    console.has(2)
    detail = console.widget.findChild(QPlainTextEdit)
    assert detail is not None
    console.table.selectRow(1)
    console.world.wait_until(detail.isVisible)
    assert detail.toPlainText() == ("a very long line " * 30)
    console.table.selectRow(0)
    assert not detail.isVisible()


def test_the_newest_line_is_told_to_who_has_room_for_one(console, library):
    told: list[str] = []
    console.widget.latest_line_changed.connect(told.append)
    library.log(level="warn", message="Waits 5 s")
    console.has(1)
    assert told == [f"{console.model.row(0).when(format.today())} warning Waits 5 s"]


def test_a_line_of_another_day_says_the_day(console, library, monkeypatch: pytest.MonkeyPatch):
    before = console.table.columnWidth(Column.TIME)
    monkeypatch.setattr(format, "today", lambda: NOON + 86_400_000)
    library.log(message="long ago")
    console.has(1)
    moment = console.model.row(0).at
    assert console.model.index(0, Column.TIME).data() == format.exact(moment)
    assert console.table.columnWidth(Column.TIME) > before
    assert row(1).when(NOON) == format.clock(NOON + 1)


def test_the_whole_log_is_exported_as_it_is_filtered(console, library, tmp_path):
    library.log(150, message="Saved")
    library.log(2, level="error", message="No such page")
    library.log(1, level="error", job=WIKI_PAGE, message="No such page")
    console.widget.show_job(None, DOCS)
    console.has(100)
    file = tmp_path / "log.txt"
    file.write_text("what was there")
    console.do(console.button("Export the log…").click)
    dialog = console.widget.findChild(QFileDialog)
    assert dialog is not None
    # What it does when a file was chosen there, without the dialog's own question about the file that is there.
    console.do(lambda: dialog.fileSelected.emit(str(file)))
    console.do(dialog.close)
    console.world.wait_until(lambda: bool(console.world.notices))
    assert len(file.read_text(encoding="utf-8").splitlines()) == 152
    assert console.world.notices[-1].kind == "success"
    console.filter.setText("no such")
    console.do(lambda: console.widget.export_to(file))
    console.world.wait_until(lambda: len(console.world.notices) == 2)
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == ["No such page"] * 2
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["log.txt"]


def test_an_export_that_cannot_be_written_says_so_and_leaves_nothing(console, library, tmp_path):
    library.log()
    console.has(1)

    console.do(lambda: console.widget.export_to(tmp_path / "missing" / "log.txt"))
    console.world.wait_until(lambda: bool(console.world.notices))
    assert console.world.notices[0].kind == "error"
    assert "cannot be written" in console.world.notices[0].message
    assert console.button("Export the log…").isEnabled()


def test_everything_can_be_reached_and_named_without_a_mouse(console):
    tools = [console.level, console.children, console.filter, console.table, *console.widget.findChildren(QToolButton)]
    for tool in tools:
        if tool is console.filter or tool.parent() is not console.filter:
            assert tool.focusPolicy() & Qt.FocusPolicy.TabFocus, tool
            assert tool.accessibleName() or getattr(tool, "text", str)(), tool


@pytest.mark.parametrize("mode", [Mode.LIGHT, Mode.DARK])
def test_the_colours_of_the_levels_can_be_read(qapp, tmp_path, mode):
    with qt_world(tmp_path / "library", mode=mode) as world:
        ground = QApplication.palette().color(QPalette.ColorRole.Base)
        for level in LEVEL_WORDS:
            colour: QColor = world.theme.level_colour(level)
            assert contrast(colour, ground) >= 4.5, level

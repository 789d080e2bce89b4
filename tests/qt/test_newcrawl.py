"""The dialog that starts a crawl: by keyboard alone, checked while one types, and never with a box in the way."""

import asyncio
from typing import Any

import msgspec
import pytest
import shiboken6
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QLineEdit, QPlainTextEdit, QRadioButton, QSpinBox, QWidget

from quaero_desktop.domain.errors import NotFoundError
from quaero_desktop.domain.listing import JobFilter
from quaero_desktop.domain.sources import NewSource, SourceRules
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.dialogs.newcrawl import NewCrawlDialog
from tests.support.keyboard import focused, go_to, press, type_text

DOCS = "https://docs.python.org/3/library/"


@pytest.fixture
def open_dialog(world):
    """Open the dialog with addresses in place; every one is closed at the end."""
    opened = []
    QApplication.setQuitOnLastWindowClosed(False)

    def show(*addresses):
        dialog: Any = NewCrawlDialog(world.context)
        assert dialog.testAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        # Its signals and fields are looked at after it closed.
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
        opened.append(dialog)
        dialog.started_ids = []
        dialog.started.connect(dialog.started_ids.append)
        open_with(world, dialog, *addresses)
        dialog.activateWindow()
        world.wait_until(lambda: QApplication.focusWidget() is child(dialog, "addresses"))
        return dialog

    yield show
    for dialog in opened:
        dialog.close()
        dialog.deleteLater()


def open_with(world, dialog, *addresses):
    """Open it, as the window does: while the loop runs."""

    async def open_it():
        dialog.open_with(addresses)

    world.run(open_it())


def child(dialog, name):
    return dialog.findChild(QWidget, name)


def start(world, modifier=Qt.KeyboardModifier.NoModifier):
    """Press Enter where the focus is, as a person does: while the loop runs."""

    async def enter():
        press(Qt.Key.Key_Return, modifier)

    world.run(enter())


def said(dialog):
    """Return what the dialog says, as one text."""
    return "\n".join(label.text() for label in dialog.findChildren(QLabel) if label.isVisible() and label.text())


def jobs(world):
    return world.run(world.services.jobs.page(JobFilter(limit=None))).jobs


def started(world, dialog):
    """Wait for the crawl and return its job."""
    world.wait_until(lambda: bool(dialog.started_ids))
    return world.run(world.services.jobs.get(dialog.started_ids[0]))


class TestTheShortestWay:
    def test_paste_an_address_press_enter(self, world, open_dialog):
        dialog = open_dialog()
        QApplication.clipboard().setText(DOCS)
        press(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        start(world)
        job = started(world, dialog)
        assert (job.name, job.payload["seeds"]) == ("docs.python.org", [DOCS])
        assert not dialog.isVisible()

    def test_what_was_left_alone_is_left_to_the_settings(self, world, open_dialog):
        dialog = open_dialog("docs.python.org")
        request = dialog.request()
        assert msgspec.structs.replace(request, urls=(), scope=None) == type(request)(urls=())
        assert request.urls == ("docs.python.org",)

    def test_escape_closes_it_and_starts_nothing(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        press(Qt.Key.Key_Escape)
        assert not dialog.isVisible()
        assert jobs(world) == ()

    def test_enter_without_an_address_says_what_to_do(self, world, open_dialog):
        dialog = open_dialog()
        press(Qt.Key.Key_Return)
        assert "✕ Type a web address first." in said(dialog)
        assert (dialog.isVisible(), jobs(world)) == (True, ())


class TestByKeyboardAlone:
    def test_everything_can_be_said(self, world, open_dialog):
        dialog = open_dialog()
        type_text("docs.python.org/3/library/\nhttps://www.postgresql.org/docs/15/")
        go_to("scope_host")
        press(Qt.Key.Key_Down)
        assert child(dialog, "scope_prefix").isChecked()
        go_to("depth")
        press(Qt.Key.Key_Up)
        go_to("pageLimit").selectAll()
        type_text("250")
        go_to("include")
        type_text("/library/\n/docs/")
        go_to("exclude")
        type_text("*.pdf")
        go_to("more")
        press(Qt.Key.Key_Space)
        go_to("jobName")
        type_text("Manuals")
        go_to("perHost")
        type_text("3")
        go_to("delay")
        type_text("1.5")
        go_to("robots")
        press(Qt.Key.Key_Space)
        go_to("aliases")
        type_text("http://docs.python.net")
        start(world, Qt.KeyboardModifier.ControlModifier)
        job = started(world, dialog)
        assert job.name == "Manuals"
        expected = {
            "seeds": [DOCS, "https://www.postgresql.org/docs/15/"],
            "scope": "prefix",
            "max_depth": 6,
            "max_pages": 250,
            "include": ["/library/", "/docs/"],
            "exclude": ["*.pdf"],
            "per_host": 3,
            "delay_ms": 1500,
            "obey_robots": False,
            "aliases": ["http://docs.python.net"],
        }
        assert {key: job.payload[key] for key in expected} == expected

    def test_tab_goes_through_all_of_it_in_the_order_in_which_it_is_read(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        order = [focused()]
        while True:
            press(Qt.Key.Key_Tab)
            if focused() in order:
                break
            order.append(focused())
        places = [widget.mapTo(dialog, widget.rect().topLeft()) for widget in order]
        rows = [(place.y() // 12, place.x()) for place in places]
        head = rows.index(min(rows))
        assert order[head].text() == "Open file…"
        del rows[head]
        assert rows == sorted(rows)
        assert all(widget.accessibleName() or widget.text() for widget in order)

    def test_every_field_has_a_name_for_screen_readers(self, world, open_dialog):
        dialog = open_dialog()
        child(dialog, "more").fold(out=True)
        named = {child(dialog, "tryAddress").accessibleName()}
        for widget in dialog.findChildren(QWidget):
            if widget.isVisible() and isinstance(widget, QPlainTextEdit | QSpinBox) and widget.objectName():
                named.add(widget.accessibleName())
            if widget.isVisible() and isinstance(widget, QLineEdit) and widget.objectName() != "qt_spinbox_lineedit":
                named.add(widget.accessibleName())
        assert "" not in named

    def test_enter_in_the_rule_checker_starts_nothing(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        go_to("tryAddress")
        type_text("/old/")
        press(Qt.Key.Key_Return)
        assert dialog.isVisible()

    def test_enter_among_the_rules_begins_another_rule(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        go_to("exclude")
        type_text("a")
        press(Qt.Key.Key_Return)
        type_text("b")
        assert dialog.request().exclude == ("a", "b")


class TestWhatIsWrong:
    def test_is_said_while_one_types_with_its_line(self, world, open_dialog):
        dialog = open_dialog()
        type_text("docs.python.org\nnot an address")
        assert "✕ Line 2: “not an address” is not a web address." in said(dialog)
        assert not child(dialog, "start").isEnabled()
        child(dialog, "addresses").selectAll()
        type_text("docs.python.org")
        assert "✓ Starts at https://docs.python.org/" in said(dialog)
        assert child(dialog, "start").isEnabled()

    def test_counts_the_other_lines_that_are_none(self, world, open_dialog):
        assert "2 more lines" in said(open_dialog("a b", "c d", "e f"))

    def test_in_a_rule_is_said_below_the_rules(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        child(dialog, "exclude").setPlainText("*.pdf\nre:(")
        assert "✕ The rule “re:(” is not a valid regular expression" in said(dialog)
        press(Qt.Key.Key_Return)
        assert dialog.isVisible()
        assert focused() is child(dialog, "exclude")

    def test_in_what_is_folded_away_unfolds_it(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        child(dialog, "delay").setText("soon")
        press(Qt.Key.Key_Return)
        world.wait_until(lambda: QApplication.focusWidget() is child(dialog, "delay"))
        assert "✕ Pause between them: A number from 0 to 3600." in said(dialog)

    def test_a_password_in_the_address_is_said_to_be_left_out(self, world, open_dialog):
        assert "left out" in said(open_dialog("https://me:secret@docs.python.org/"))

    def test_of_the_library_is_said_in_the_dialog(self, world, open_dialog, monkeypatch):
        dialog = open_dialog(DOCS)

        async def refuse(request):
            raise NotFoundError("There is no source 7.", "Choose another one.")

        monkeypatch.setattr(world.services.jobs, "start_crawl", refuse)
        start(world)
        world.wait_until(lambda: "✕ There is no source 7. Choose another one." in said(dialog))
        assert dialog.isVisible()
        assert child(dialog, "start").isEnabled()
        assert world.notices == []


class TestAClosedDialog:
    def test_that_was_just_starting_does_no_harm(self, world, monkeypatch):
        asked = asyncio.Event()
        answer = asyncio.Event()

        async def slowly(request):
            asked.set()
            await answer.wait()
            raise NotFoundError("There is no source 7.")

        monkeypatch.setattr(world.services.jobs, "start_crawl", slowly)

        async def start_and_close():
            dialog = NewCrawlDialog(world.context)
            dialog.open_with([DOCS])
            dialog.submit()
            await asked.wait()
            dialog.reject()
            shiboken6.delete(dialog)
            answer.set()

        world.run(start_and_close())
        world.wait_until(lambda: [notice.message for notice in world.notices] == ["There is no source 7."])


class TestHowFar:
    def test_is_shown_with_the_typed_address(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        shown = said(dialog)
        assert "every page of docs.python.org" in shown
        assert "only what lies below docs.python.org/3/library/" in shown
        assert "python.org with all subdomains" in shown

    def test_is_remembered_for_the_next_crawl(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        child(dialog, "scope_domain").click()
        child(dialog, "depth").setValue(2)
        start(world)
        started(world, dialog)
        again = open_dialog()
        assert child(again, "scope_domain").isChecked()
        assert child(again, "depth").value() == 2

    def test_a_setting_that_was_changed_since_counts_more(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        child(dialog, "depth").setValue(2)
        start(world)
        started(world, dialog)
        settings = world.context.settings
        crawl = msgspec.structs.replace(settings.crawl, max_depth=9, scope="prefix")
        world.context.settings = msgspec.structs.replace(settings, crawl=crawl)
        again = open_dialog()
        assert child(again, "depth").value() == 9
        assert [each.objectName() for each in again.findChildren(QRadioButton) if each.isChecked()] == ["scope_prefix"]


class TestTheRuleChecker:
    @pytest.mark.parametrize(
        ("tried", "verdict"),
        [
            ("https://docs.python.org/3/library/json.html", "✓ Would be followed."),
            ("/3/library/json.html", "✓ Would be followed."),
            ("/3/library/old/json.html", "✕ Not followed: excluded by rule 2: */old/*"),
            ("https://www.python.org/", "✕ Not followed: it is outside of docs.python.org"),
            ("mailto:a@b.org", "✕ Not followed: skipped: only http and https are collected"),
            ("a b", "✕ “a b” is not a web address."),
            ("", ""),
        ],
    )
    def test_says_what_would_become_of_an_address(self, world, open_dialog, tried, verdict):
        dialog = open_dialog(DOCS)
        child(dialog, "exclude").setPlainText("*.pdf\n*/old/*")
        child(dialog, "tryAddress").setText(tried)
        assert child(dialog, "verdict").text() == verdict

    def test_follows_what_is_changed_elsewhere(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        child(dialog, "tryAddress").setText("/3/tutorial/")
        assert child(dialog, "verdict").text().startswith("✓")
        child(dialog, "scope_prefix").click()
        assert child(dialog, "verdict").text().startswith("✕")

    def test_waits_for_the_address_of_the_crawl(self, world, open_dialog):
        dialog = open_dialog()
        child(dialog, "tryAddress").setText("/3/tutorial/")
        assert child(dialog, "verdict").text() == "Type the web address of the crawl first."


class TestTheSource:
    def test_can_be_one_that_is_there(self, world, open_dialog):
        world.run(
            world.services.jobs._database.write(
                lambda tx: tx.execute(
                    "INSERT INTO sources (id, name, base_url, created_at, updated_at) VALUES (7, 'Python', ?, 0, 0)",
                    (DOCS,),
                )
            )
        )
        dialog = open_dialog(DOCS)
        source = child(dialog, "source")
        world.wait_until(lambda: source.count() == 2)
        assert source.currentText() == "One for each site"
        source.setCurrentText("Python")
        start(world)
        assert started(world, dialog).source_id == 7

    def test_a_dialog_that_was_closed_at_once_is_left_alone(self, world, open_dialog):
        async def open_and_close():
            dialog = NewCrawlDialog(world.context)
            dialog.open_with([DOCS])
            dialog.close()

        world.run(open_and_close())
        world.settle()


class TestAddressesFromElsewhere:
    def test_opening_with_some_adds_them_to_those_that_are_there(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        open_with(world, dialog, DOCS, "https://b.org/")
        assert dialog.request().urls == (DOCS, "https://b.org/")

    def test_a_pasted_text_gives_its_addresses_on_lines_of_their_own(self, world, open_dialog):
        open_dialog()
        type_text("c.org")
        QApplication.clipboard().setText("See https://a.org/x, and\n- https://b.org\n")
        press(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert focused().toPlainText() == "c.org\nhttps://a.org/x\nhttps://b.org"

    def test_a_pasted_text_without_any_is_pasted_as_it_is(self, world, open_dialog):
        open_dialog()
        QApplication.clipboard().setText("docs.python")
        press(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
        assert focused().toPlainText() == "docs.python"

    def test_a_file_with_an_address_a_line_is_taken(self, world, open_dialog, tmp_path):
        dialog = open_dialog()
        file = tmp_path / "list.txt"
        file.write_text("https://a.org/\nb.org\n", encoding="utf-8")
        dialog.take_file(str(file))
        assert dialog.request().urls == ("https://a.org/", "b.org")

    def test_a_file_without_any_says_so(self, world, open_dialog, tmp_path):
        dialog = open_dialog()
        dialog.take_file(str(tmp_path / "list.txt"))
        assert "✕ “list.txt” cannot be read" in said(dialog)

    def test_links_and_files_can_be_dropped_anywhere_on_it(self, world, open_dialog, tmp_path):
        dialog = open_dialog()
        file = tmp_path / "list.txt"
        file.write_text("https://a.org/\n", encoding="utf-8")
        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(file)), QUrl("https://b.org/x")])
        drop(dialog, data)
        assert dialog.request().urls == ("https://a.org/", "https://b.org/x")
        nothing = QMimeData()
        nothing.setText("hello")
        drop(dialog, nothing)
        assert "✕ There is no web address in what was dropped." in said(dialog)

    def test_the_file_chooser_is_no_box_in_the_way(self, world, open_dialog):
        dialog = open_dialog()
        dialog._addresses._ask_for_file()
        chooser = next(each for each in dialog.findChildren(QDialog) if each.isVisible())
        chooser.close()
        assert dialog.isVisible()

    def test_thousands_of_addresses_do_not_hold_up_typing(self, world, open_dialog):
        dialog = open_dialog(*(f"https://a.org/{number}" for number in range(5000)))
        assert "Starts at" not in said(dialog)
        world.wait_until(lambda: "✓ 5000 addresses to start from" in said(dialog))


def drop(dialog, data):
    """Drop something on the dialog."""
    event = QDropEvent(
        QPointF(10, 10), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    dialog.dropEvent(event)


class TestItsRoom:
    def test_unfolding_makes_it_higher_and_the_buttons_stay_in_sight(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        before = dialog.height()
        child(dialog, "more").fold(out=True)
        world.wait_until(lambda: dialog.height() > before)
        start = child(dialog, "start")
        assert dialog.rect().contains(start.mapTo(dialog, start.rect().bottomRight()))
        assert dialog.height() <= dialog.screen().availableSize().height()


class TestSources:
    RULES = SourceRules(scope="prefix", depth=2, max_pages=40, exclude=("*.pdf",), delay_ms=500, obey_robots=False)

    def choose(self, world, dialog):
        box = child(dialog, "source")
        world.wait_until(lambda: box.count() == 2)
        box.setCurrentIndex(1)

    def test_one_that_is_chosen_brings_its_address_and_its_rules(self, world, open_dialog):
        source = world.run(world.services.sources.add(NewSource(base_url=DOCS, name="Manual", rules=self.RULES)))
        dialog = open_dialog()
        self.choose(world, dialog)
        assert dialog.request() == CrawlRequest(
            urls=(DOCS,), source_id=source, scope="prefix", depth=2, max_pages=40, exclude=("*.pdf",),
            delay_seconds=0.5, obey_robots=False,
        )  # fmt: skip

    def test_what_was_changed_after_that_counts_also_where_it_is_the_usual(self, world, open_dialog):
        world.run(world.services.sources.add(NewSource(base_url=DOCS, rules=self.RULES)))
        dialog = open_dialog(DOCS)
        self.choose(world, dialog)
        usual = world.context.settings.crawl.max_depth
        child(dialog, "depth").setValue(usual)
        child(dialog, "robots").setChecked(True)
        start(world, Qt.KeyboardModifier.ControlModifier)
        job = started(world, dialog)
        assert (job.payload["max_depth"], job.payload["obey_robots"]) == (usual, True)

    def test_rules_of_it_that_were_taken_out_do_not_hold(self, world, open_dialog):
        """What is seen is what counts: an empty field says that there is no such rule."""
        rules = SourceRules(max_pages=40, include=("/3/",), exclude=("*.pdf",), per_host=9, delay_ms=500)
        world.run(world.services.sources.add(NewSource(base_url=DOCS, rules=rules)))
        dialog = open_dialog(DOCS)
        self.choose(world, dialog)
        for name in ("include", "exclude", "perHost", "delay"):
            child(dialog, name).clear()
        child(dialog, "pageLimit").setValue(0)
        start(world, Qt.KeyboardModifier.ControlModifier)
        payload = started(world, dialog).payload
        usual = world.context.settings.crawl
        assert [payload.get(name) or None for name in ("include", "exclude", "max_pages")] == [None] * 3
        assert (payload["per_host"], payload["delay_ms"]) == (usual.per_host, round(usual.delay_seconds * 1000))

    def test_it_can_be_saved_as_a_definition_instead(self, world, open_dialog):
        dialog = open_dialog(DOCS)
        wanted: list[Any] = []
        dialog.definition_wanted.connect(wanted.append)
        child(dialog, "depth").setValue(3)
        child(dialog, "exclude").setPlainText("*.pdf")
        child(dialog, "asDefinition").click()
        (definition,) = wanted
        assert (definition.name, definition.schedule) == ("docs.python.org", "")
        config = {"start_urls": [DOCS], "scope": "host", "max_depth": 3, "exclude_patterns": ["*.pdf"]}
        assert [(step.action, step.config) for step in definition.steps] == [("crawl", config)]
        assert (dialog.isVisible(), jobs(world)) == (False, ())
        world.run(world.services.definitions.save(definition))

    def test_without_an_address_there_is_nothing_to_save(self, world, open_dialog):
        dialog = open_dialog()
        child(dialog, "asDefinition").click()
        assert "✕ Type a web address first." in said(dialog)
        assert dialog.isVisible()

"""The bars: what the window says, one thing at a time, and what can be taken back."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.ui.actions import ActionId
from quaero_desktop.ui.notices import Notice
from quaero_desktop.ui.theme import Mode
from quaero_desktop.ui.widgets.messagebar import MOST_WAITING, MessageBar
from quaero_desktop.ui.widgets.undobar import MOST_SHOWN, UndoBar
from tests.support.keyboard import press


@pytest.fixture
def host(world):
    """A shown window to put a bar into, with a field below it."""
    widget = QWidget()
    QVBoxLayout(widget)
    widget.resize(800, 300)
    yield widget
    widget.close()
    widget.deleteLater()


@pytest.fixture
def messages(world, host):
    bar = MessageBar(world.context, host)
    host.layout().addWidget(bar)
    host.layout().addWidget(QLineEdit(host))
    host.show()
    return bar


def texts(bar):
    """Return the texts that a bar shows."""
    return [label.text() for label in bar.findChildren(QLabel) if label.isVisibleTo(bar) and label.text()]


def button(bar, name):
    return bar.findChild(QPushButton, name) or bar.findChild(QToolButton, name)


class TestMessages:
    def test_nothing_said_takes_no_room(self, messages):
        assert not messages.isVisible()

    def test_an_error_of_the_world_is_said_with_its_hint_and_stays(self, world, messages):
        world.context.notices.error(KnownError("The disk is full.", "Free some space."))
        assert messages.isVisible()
        assert texts(messages) == ["The disk is full.", "Free some space."]
        assert messages.accessibleName() == "Problem: The disk is full. Free some space."
        assert not messages._timer.isActive()

    def test_a_note_goes_by_itself(self, world, messages):
        messages._timer.setInterval(1)
        world.context.notices.show("Saved.")
        assert messages.isVisible()
        world.wait_until(lambda: not messages.isVisible())

    def test_a_note_stays_while_somebody_is_on_it(self, world, messages):
        world.context.notices.show("Saved.")
        button(messages, "messageClose").setFocus()
        world.wait_until(lambda: QApplication.focusWidget() is button(messages, "messageClose"))
        messages._time_is_up()
        assert messages.isVisible()

    def test_the_same_is_not_said_twice(self, world, messages):
        for _ in range(3):
            world.context.notices.error(KnownError("The disk is full."))
        assert messages.waiting == 0

    def test_several_wait_for_their_turn_errors_first(self, world, messages):
        world.context.notices.show("one")
        world.context.notices.show("two")
        world.context.notices.show("three", kind="error")
        world.context.notices.show("four", kind="error")
        assert messages.current.message == "three"
        assert "2 more" in texts(messages)
        said = []
        while messages.current is not None:
            said.append(messages.current.message)
            messages.dismiss()
        assert said == ["three", "four", "two"]

    def test_a_later_one_with_the_same_key_takes_its_place(self, world, messages):
        world.context.notices.show("Making a backup…", key="backup")
        world.context.notices.show("other")
        world.context.notices.show("The backup is made.", kind="success", key="backup")
        assert (messages.current.message, messages.waiting) == ("The backup is made.", 1)

    def test_one_that_is_no_longer_true_is_taken_back(self, world, messages):
        world.context.notices.show("The disk is full.", kind="error", key="engine")
        world.context.notices.show("other", kind="error", key="other")
        world.context.notices.withdraw("other")
        assert messages.waiting == 0
        world.context.notices.withdraw("engine")
        assert not messages.isVisible()

    def test_too_many_lose_what_matters_least(self, world, messages):
        world.context.notices.show("shown", kind="error")
        for number in range(MOST_WAITING):
            world.context.notices.show(f"error {number}", kind="error")
        world.context.notices.show("a note")
        assert messages.waiting == MOST_WAITING
        messages.dismiss()
        assert messages.current.message == "error 0"

    def test_its_button_acts_and_closes_it(self, world, messages):
        done = []
        world.context.notices.post(Notice(message="Paused.", button="Resume", on_click=lambda: done.append(1)))
        QTest.mouseClick(button(messages, "messageAction"), Qt.MouseButton.LeftButton)
        assert (done, messages.isVisible()) == ([1], False)

    def test_the_details_of_an_error_can_be_copied(self, world, messages):
        world.context.notices.post(Notice(message="It failed.", hint="Try again.", kind="error", details="OSError: 28"))
        QTest.mouseClick(button(messages, "messageCopy"), Qt.MouseButton.LeftButton)
        assert QApplication.clipboard().text() == "It failed.\nTry again.\nOSError: 28"

    def test_what_comes_from_the_web_is_shown_as_text(self, world, messages):
        world.context.notices.show("<b>x</b>\n\u202eevil")
        assert texts(messages) == ["<b>x</b> evil"]

    def test_it_is_worked_by_keyboard(self, world, messages, host):
        world.context.notices.show("one", kind="error")
        world.context.notices.show("two", kind="error")
        button(messages, "messageClose").setFocus()
        world.wait_until(lambda: QApplication.focusWidget() is button(messages, "messageClose"))
        press(Qt.Key.Key_Space)
        assert messages.current.message == "two"
        press(Qt.Key.Key_Escape)
        assert not messages.isVisible()
        assert isinstance(QApplication.focusWidget(), QLineEdit)

    def test_it_slides_in_within_a_moment_and_not_at_all_where_that_is_not_wanted(self, world, messages, monkeypatch):
        world.context.notices.show("one", kind="error")
        world.wait_until(lambda: messages.maximumHeight() > 1000 and messages.height() > 20)
        messages.clear()
        monkeypatch.setattr("quaero_desktop.ui.widgets.motion.wanted", lambda: False)
        world.context.notices.show("two", kind="error")
        assert messages.maximumHeight() > 1000

    def test_it_follows_light_and_dark(self, world, messages):
        world.context.notices.show("one", kind="error")
        before = messages.grab().toImage()
        world.theme.set_mode(Mode.DARK)
        assert messages.grab().toImage() != before


class Time:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Time()


@pytest.fixture
def undos(world, host, seconds):
    bar = UndoBar(world.context, host, monotonic=seconds)
    host.layout().addWidget(bar)
    host.show()
    return bar


class TestUndo:
    def test_a_deletion_is_offered_back_for_thirty_seconds(self, world, undos, seconds):
        undone = []
        world.context.notices.undo("Deleted docs.python.org with 1,204 pages.", lambda: undone.append(1))
        assert undos.isVisible()
        assert texts(undos) == ["Deleted docs.python.org with 1,204 pages.", "30 s"]
        seconds.now += 2.5
        undos.tick()
        assert "28 s" in texts(undos)
        seconds.now += 27.5
        undos.tick()
        assert (undos.isVisible(), undone) == (False, [])

    def test_it_counts_down_by_itself(self, world, undos, seconds):
        world.context.notices.undo("Deleted.", lambda: None)
        seconds.now += 31
        world.wait_until(lambda: not undos.isVisible())

    def test_undo_takes_back_the_newest_first(self, world, undos):
        undone = []
        for number in range(3):
            world.context.notices.undo(f"Deleted {number}.", lambda number=number: undone.append(number))
        for _ in range(4):
            undos.undo()
        assert (undone, undos.isVisible()) == ([2, 1, 0], False)

    def test_each_can_be_taken_back_by_its_button(self, world, undos):
        undone = []
        for number in range(2):
            world.context.notices.undo(f"Deleted {number}.", lambda number=number: undone.append(number))
        older = next(each for each in undos.findChildren(QPushButton) if each.accessibleName() == "Undo: Deleted 0.")
        QTest.mouseClick(older, Qt.MouseButton.LeftButton)
        assert (undone, [offer.message for offer in undos.offers]) == ([0], ["Deleted 1."])

    def test_many_are_counted_and_shown_when_their_turn_comes(self, world, undos):
        for number in range(MOST_SHOWN + 2):
            world.context.notices.undo(f"Deleted {number}.", lambda: None)
        assert "and 2 before that" in texts(undos)
        assert "Deleted 1." not in texts(undos)
        undos.undo()
        assert "and 1 before that" in texts(undos)
        assert "Deleted 1." in texts(undos)

    def test_one_that_is_closed_is_not_offered_any_more(self, world, undos):
        world.context.notices.undo("Deleted.", lambda: None)
        QTest.mouseClick(button(undos, "keepDeleted"), Qt.MouseButton.LeftButton)
        assert (undos.offers, undos.isVisible()) == ((), False)

    def test_the_action_is_there_while_something_can_be_undone(self, world, undos, seconds):
        undone = []
        action = world.context.actions.action(ActionId.UNDO)
        world.context.actions.connect_handler(ActionId.UNDO, lambda _: undos.undo())
        assert not action.isEnabled()
        assert world.context.actions.why_not(ActionId.UNDO) == "Nothing was deleted just now."
        world.context.notices.undo("Deleted.", lambda: undone.append(1))
        assert action.isEnabled()
        action.trigger()
        assert (undone, action.isEnabled()) == ([1], False)

    def test_what_ran_out_unnoticed_cannot_be_undone(self, world, undos, seconds):
        undone = []
        world.context.notices.undo("Deleted.", lambda: undone.append(1))
        seconds.now += 31
        undos.undo()
        assert undone == []

    def test_it_is_worked_by_keyboard(self, world, undos):
        undone = []
        world.context.notices.undo("Deleted.", lambda: undone.append(1))
        button(undos, "undo").setFocus()
        world.wait_until(lambda: QApplication.focusWidget() is button(undos, "undo"))
        press(Qt.Key.Key_Space)
        assert undone == [1]


class TestForWhoDoesNotSeeThem:
    def test_what_is_said_is_announced(self, world, messages, monkeypatch):
        heard = []
        monkeypatch.setattr(QAccessible, "isActive", lambda: True)
        monkeypatch.setattr(
            QAccessible, "updateAccessibility", lambda event: heard.append((event.message(), event.politeness()))
        )
        world.context.notices.show("Saved.", kind="success")
        world.context.notices.error(KnownError("The disk is full.", "Free some space."))
        politeness = QAccessible.AnnouncementPoliteness
        assert heard == [
            ("Done: Saved.", politeness.Polite),
            ("Problem: The disk is full. Free some space.", politeness.Assertive),
        ]

    def test_what_can_be_undone_is_announced_with_its_key(self, world, undos, monkeypatch):
        heard = []
        monkeypatch.setattr(QAccessible, "isActive", lambda: True)
        monkeypatch.setattr(QAccessible, "updateAccessibility", lambda event: heard.append(event.message()))
        world.context.notices.undo("Deleted.", lambda: None)
        assert heard == ["Deleted. Ctrl+Z undoes it."]

"""What a page says in short, above its text in the window; and the language model in the settings."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit

from quaero_desktop.domain.documents import Document
from quaero_desktop.domain.outcomes import Summarised
from quaero_desktop.infra.secrets import SecretStore
from quaero_desktop.storage import summaries
from quaero_desktop.ui.dialogs.settings import SettingsDialog
from quaero_desktop.ui.views.document import DocumentView
from quaero_desktop.ui.widgets.inshort import FoldedInShort
from tests.support.documents import child, inside, store
from tests.support.fake_model import FakeModel
from tests.support.qtwindow import QtWorld, qt_world
from tests.support.waiting import until


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, qapp: QApplication) -> Iterator[QtWorld]:
    with qt_world(tmp_path_factory.mktemp("world") / "library") as made:
        yield made


@pytest.fixture
def view(world: QtWorld) -> Iterator[DocumentView]:
    made = DocumentView(world.context)
    world.show(made, 700, 500)
    yield made
    made.close()
    made.deleteLater()
    world.settle()


def stored(world: QtWorld, name: str, **summary: object) -> Document:
    """Store a page with what it says in short."""

    async def work() -> Document:
        ids = await store(world.services, {name: "# A page\n\nSome text that stands on it."})
        document = await world.services.library.document(ids[name])
        if summary:
            fields = {
                "document_id": document.id, "content_hash": document.content_hash, "method": "extractive",
                "summary": "It is about text.", "keywords": ("text", "page"),
            } | summary  # fmt: skip
            made = Summarised(**fields)  # type: ignore[arg-type]
            await world.services.jobs._ledger._database.write(lambda tx: summaries.store(tx, made))
        return document

    return world.run(work())


def read(world: QtWorld, view: DocumentView, document: Document) -> FoldedInShort:
    inside(world, lambda: view.show_document(document))
    world.settle()
    return child(view, FoldedInShort, "inShort")


def test_it_stands_above_the_text(world: QtWorld, view: DocumentView) -> None:
    block = read(world, view, stored(world, "one", method="extractive"))
    world.wait_until(block.isVisible)
    assert block.content.summary == "It is about text."
    assert block.content.keywords == "text · page"
    assert block.content.note == ""
    assert child(view, QLabel, "keywords").accessibleName() == "Keywords: text, page"


def test_it_says_who_wrote_it_and_that_the_page_is_another_by_now(world: QtWorld, view: DocumentView) -> None:
    block = read(world, view, stored(world, "two", method="tiny-3b", content_hash="of another text"))
    world.wait_until(block.isVisible)
    assert block.content.note == "Written by tiny-3b · Of an earlier version of this page"


def test_a_page_without_one_shows_nothing_of_it(world: QtWorld, view: DocumentView) -> None:
    block = read(world, view, stored(world, "three", method="extractive"))
    world.wait_until(block.isVisible)
    block = read(world, view, stored(world, "four"))
    world.wait_until(lambda: not block.isVisible())


def test_it_folds_and_stays_as_it_was_left(world: QtWorld, view: DocumentView) -> None:
    document = stored(world, "five", method="extractive")
    block = read(world, view, document)
    world.wait_until(block.isVisible)
    block.toggle.setFocus()
    block.toggle.click()
    assert not block.content.isVisible()
    assert block.toggle.accessibleName() == "In short, hidden"
    other = DocumentView(world.context)
    world.show(other, 700, 500)
    again = read(world, other, document)
    world.wait_until(again.isVisible)
    assert not again.is_open
    again.toggle.click()
    assert again.content.isVisible()
    other.close()
    other.deleteLater()
    world.settle()


def test_nothing_of_it_is_taken_for_markup(world: QtWorld, view: DocumentView) -> None:
    text = "<img src='file:///etc/passwd'>\u202eIt <b>is</b>."
    block = read(world, view, stored(world, "six", summary=text, keywords=("<b>x</b>",), method="<i>m</i>"))
    world.wait_until(block.isVisible)
    for label in block.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
    assert block.content.summary == "<img src='file:///etc/passwd'> It <b>is</b>."


@pytest.fixture
def dialog(world: QtWorld, monkeypatch: pytest.MonkeyPatch, tmp_path) -> Iterator[SettingsDialog]:
    monkeypatch.setenv("QUAERO_CONFIG", str(tmp_path / "settings.toml"))
    kept: dict[str, str] = {}

    async def fetch(_: SecretStore, name: str) -> str | None:
        return kept.get(name)

    async def keep(_: SecretStore, name: str, text: str) -> bool:
        kept[name] = text
        return True

    monkeypatch.setattr(SecretStore, "fetch", fetch)
    monkeypatch.setattr(SecretStore, "keep", keep)
    made = inside(world, lambda: SettingsDialog(world.context))
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose, False)
    world.show(made, 600, 430)
    made.kept = kept  # type: ignore[attr-defined]
    yield made
    made.close()
    made.deleteLater()
    world.settle()


def test_the_key_of_a_model_goes_to_the_keyring_and_is_not_shown_again(world: QtWorld, dialog: SettingsDialog) -> None:
    """J8."""
    key = dialog._key
    assert not key.edit.isEnabled()
    assert key.edit.echoMode() is QLineEdit.EchoMode.Password
    child(dialog, QLineEdit, "summaries.endpoint").setText("http://Model.Test:8080/v1")
    inside(world, key.show_state)
    key.edit.setText("sk-very-secret-1234")
    assert dialog._apply.isEnabled()
    assert inside(world, dialog._save)
    world.wait_until(lambda: "1234" in key.edit.placeholderText())
    assert dialog.kept == {"summaries:http://model.test:8080": "sk-very-secret-1234"}  # type: ignore[attr-defined]
    assert key.edit.text() == ""
    assert "very-secret" not in key.edit.placeholderText()
    assert "sk-very" not in dialog._preferences.file.read_text()


def test_a_model_can_be_tried_before_anything_is_saved(world: QtWorld, dialog: SettingsDialog) -> None:
    async def tried() -> tuple[str, str]:
        async with FakeModel().running() as fake:
            child(dialog, QLineEdit, "summaries.endpoint").setText(fake.endpoint)
            dialog._key.show_state()
            dialog._key.attempt.click()
            await until(lambda: dialog._key.remark.tone != "plain")
            good = dialog._key.remark.text()
            child(dialog, QLineEdit, "summaries.model").setText("huge")
            dialog._key.attempt.click()
            await until(lambda: dialog._key.remark.tone == "error")
            return good, dialog._key.remark.text()

    good, bad = world.run(tried())
    assert good == "✓ tiny-3b answers."
    assert "has no model “huge”" in bad

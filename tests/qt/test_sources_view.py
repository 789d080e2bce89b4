"""Sources in the window, and how their sites are signed in to: no secret is ever shown (J5, J8)."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from shiboken6 import isValid

from quaero_desktop.domain.credentials import CredentialKind, CredentialTest, NewCredential
from quaero_desktop.domain.events import FeedUpdate
from quaero_desktop.domain.sources import NewSource, Source, SourceDeletion, SourceRules
from quaero_desktop.services.crawlrequest import CrawlRequest
from quaero_desktop.ui.actions import SOURCE_MENU, ActionId
from quaero_desktop.ui.models.sources import Column, SourceModel
from quaero_desktop.ui.theme import Mode
from tests.support import fake_keyring
from tests.support.keyboard import focused, go_to, press, type_text
from tests.support.qtwindow import QtWorld
from tests.support.recipes import DOCS, RecipeWindow, nightly, recipe_window

CTRL = Qt.KeyboardModifier.ControlModifier
WIKI = "https://wiki.intern.test/"
SECRET = "7f3a9b2cdeadbeef01a3f9"
CURL = f"curl '{WIKI}start' -H 'Cookie: session={SECRET}; theme=dark'"


@pytest.fixture
def used(world: QtWorld) -> Iterator[RecipeWindow]:
    with recipe_window(world) as shown:
        yield shown


def add(used: RecipeWindow, url: str = WIKI, **fields: Any) -> int:
    return used.world.run(used.world.services.sources.add(NewSource(base_url=url, **fields)))


def get(used: RecipeWindow, source_id: int) -> Source:
    return used.world.run(used.world.services.sources.get(source_id))


def with_cookies(used: RecipeWindow, name: str = "wiki") -> int:
    """Add a source that signs in, and return its id."""
    services = used.world.services
    new = NewCredential(name=name, origin=WIKI)
    credential_id = used.world.run(services.credentials.add(new, f"Cookie: session={SECRET}"))
    return add(used, name=f"The {name}", credential_id=credential_id)


def child(dialog: Any, name: str) -> Any:
    found = dialog.findChild(QWidget, name)
    assert found is not None, name
    return found


def everything_shown(widget: QWidget) -> str:
    """Return all texts of a widget that can be seen."""
    parts = [label.text() for label in widget.findChildren(QLabel)]
    parts += [str(each.property("text") or each.property("plainText") or "") for each in widget.findChildren(QWidget)]
    parts += [each.toolTip() + each.accessibleName() for each in widget.findChildren(QWidget)]
    return "\n".join(parts)


class TestTheView:
    def test_the_model_shows_names_documents_and_the_tail_of_a_secret(self, used: RecipeWindow) -> None:
        model = SourceModel(used.world.theme)
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        signed = get(used, with_cookies(used))
        model.set_rows([signed, msgspec.structs.replace(get(used, add(used, DOCS)), documents=1204)])
        shown = [[model.index(row, column).data() for column in Column if column] for row in range(2)]
        assert shown == [
            ["docs.python.org", "docs.python.org/3/library", "—", "1,204"],
            ["The wiki", "wiki.intern.test", "cookies …a3f9", "0"],
        ]
        tester.deleteLater()
        model.deleteLater()

    def test_a_crawl_makes_a_source_and_it_appears(self, used: RecipeWindow) -> None:
        view = used.sources()
        assert view.is_empty
        add(used)
        used.do(view.reload)
        used.world.wait_until(lambda: not view.is_empty)
        assert [source.name for source in view.selection.sources] == ["wiki.intern.test"]
        assert list(used.menu()) == [str(name) for name in SOURCE_MENU if name is not None]

    def test_crawl_now_takes_the_rules_of_the_source(self, used: RecipeWindow) -> None:
        source_id = add(used, rules=SourceRules(depth=2, exclude=("*.pdf",), delay_ms=500))
        used.sources()
        used.choose(ActionId.RUN_NOW)
        jobs = used.window.jobs
        used.world.wait_until(lambda: bool(jobs.selection.targets))
        job = used.world.run(used.world.services.jobs.get(jobs.selection.targets[0].id))
        assert (job.source_id, job.payload["max_depth"], job.payload["exclude"]) == (source_id, 2, ["*.pdf"])

    def test_it_can_be_switched_off_and_deleted(self, used: RecipeWindow) -> None:
        source_id = add(used)
        view = used.sources()
        used.choose(ActionId.ENABLE)
        used.world.wait_until(lambda: view.is_loaded and not view.model.row(0).enabled)
        assert not used.menu()[ActionId.RUN_NOW].isEnabled()
        box = view.model.index(0, Column.ENABLED)
        used.do(lambda: view.model.setData(box, Qt.CheckState.Checked, Qt.ItemDataRole.CheckStateRole))
        used.world.wait_until(lambda: view.is_loaded and view.model.row(0).enabled)
        assert get(used, source_id).enabled
        used.choose(ActionId.DELETE)
        used.world.wait_until(lambda: view.is_empty)

    def test_one_that_a_definition_needs_stays_and_it_says_why(self, used: RecipeWindow) -> None:
        source_id = add(used)
        used.world.run(used.world.services.definitions.save(nightly(sources=(source_id,))))
        view = used.sources()
        used.choose(ActionId.DELETE)
        used.world.wait_until(lambda: any("Nightly docs" in notice.message for notice in used.world.notices))
        assert not view.is_empty

    def test_documents_go_with_it_only_after_their_number_was_said(
        self, used: RecipeWindow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source_id = add(used)
        services = used.world.services
        plan = used.world.run(services.sources.plan_deletion(source_id))

        async def with_documents(_: int) -> SourceDeletion:
            return msgspec.structs.replace(plan, documents=1312)

        monkeypatch.setattr(services.sources, "plan_deletion", with_documents)
        view = used.sources()
        used.choose(ActionId.DELETE)
        used.world.wait_until(lambda: bool(used.world.notices))
        notice = used.world.notices[0]
        assert (notice.button, view.is_empty) == ("Delete with 1,312 documents", False)
        withdrawn: list[str] = []
        used.world.context.notices.withdrawn.connect(withdrawn.append)
        used.do(used.window.show_definitions)
        assert notice.key in withdrawn  # nobody deletes for good by a button of a view that is gone
        used.do(used.window.show_sources)
        used.do(notice.on_click)
        used.world.wait_until(lambda: view.is_empty)

    def test_space_switches_it_off_and_enter_edits_it(self, used: RecipeWindow) -> None:
        add(used)
        view = used.sources()
        used.window.activateWindow()
        view.table.setFocus()
        used.do(lambda: press(Qt.Key.Key_Space))
        used.world.wait_until(lambda: view.is_loaded and not view.model.row(0).enabled)
        used.do(lambda: press(Qt.Key.Key_Return))
        assert used.dialog("source").isVisible()

    def test_the_columns_fit_into_the_table_after_it_shrank(self, used: RecipeWindow) -> None:
        with_cookies(used)
        view = used.sources()
        used.do(used.window.show)
        for width in (1280, 1000, 1280):
            used.do(lambda width=width: used.window.resize(width, 800))
            used.world.wait_until(lambda: view.table.horizontalHeader().length() == view.table.viewport().width())
        assert not view.table.horizontalScrollBar().isVisible()

    def test_it_is_drawn_in_light_and_dark(self, used: RecipeWindow) -> None:
        with_cookies(used)
        view = used.sources()
        for mode in (Mode.DARK, Mode.LIGHT):
            used.do(lambda mode=mode: used.world.theme.set_mode(mode))
            assert not used.window.grab().isNull()
        assert view.about.credential.shown["Ends in"] == "…a3f9"
        assert SECRET not in everything_shown(used.window)


class TestTheSourceDialog:
    def test_one_is_made_by_keyboard_alone(self, used: RecipeWindow) -> None:
        view = used.sources()
        used.do(lambda: used.world.context.actions.trigger(ActionId.NEW_SOURCE))
        dialog = used.dialog("source")
        dialog.activateWindow()
        used.world.wait_until(lambda: QApplication.focusWidget() is dialog.address)
        assert "Type the address of a site." in everything_shown(dialog)
        type_text("wiki.intern.test/start")
        go_to("sourceName")
        type_text("Wiki")
        go_to("option_scope")
        press(Qt.Key.Key_Down)
        go_to("option_depth")
        type_text("3")
        go_to("option_exclude")
        type_text("*/Special:*\n*.pdf")
        go_to("moreOptions")
        press(Qt.Key.Key_Space)
        go_to("option_delay")
        type_text("0.5")
        used.do(lambda: press(Qt.Key.Key_Return, CTRL))
        used.world.wait_until(lambda: view.is_loaded and view.model.rowCount() == 1)
        source = view.model.row(0)
        assert (source.name, source.base_url) == ("Wiki", f"{WIKI}start")
        assert source.rules == SourceRules(scope="host", depth=3, exclude=("*/Special:*", "*.pdf"), delay_ms=500)

    def test_what_makes_no_sense_is_named_and_nothing_is_lost(self, used: RecipeWindow) -> None:
        used.sources()
        used.do(lambda: used.world.context.actions.trigger(ActionId.NEW_SOURCE))
        dialog = used.dialog("source")
        dialog.address.setText("ftp://wiki")
        child(dialog, "option_depth").setText("many")
        used.do(dialog.save)
        assert child(dialog, "complaint").text() == "✕ Links deep is “many”, which is no number."
        child(dialog, "option_depth").setText("3")
        used.do(dialog.save)
        assert dialog.about_address.tone == "error"
        assert (dialog.isVisible(), dialog.address.text()) == (True, "ftp://wiki")

    def test_every_rule_comes_back_as_it_was(self, used: RecipeWindow) -> None:
        rules = SourceRules(
            scope="domain", include=("/a",), exclude=("/b", "/c"), depth=0, max_pages=9, per_host=1, delay_ms=250,
            obey_robots=False,
        )  # fmt: skip
        add(used, rules=rules)
        used.sources()
        used.choose(ActionId.EDIT)
        dialog = used.dialog("source")
        assert dialog.asked().rules == rules
        assert dialog.rules.disclosure.is_out

    def test_a_name_that_another_one_has_is_said_and_allowed(self, used: RecipeWindow) -> None:
        """Crawls name the sources that they make after the host, as the dialog does."""
        add(used, DOCS, name="The manual")
        used.sources()
        used.do(lambda: used.world.context.actions.trigger(ActionId.NEW_SOURCE))
        dialog = used.dialog("source")
        dialog.address.setText(f"{DOCS}3/")
        about = child(dialog, "aboutName")
        assert about.text() == ""
        dialog.name.setText("the Manual")
        used.world.wait_until(lambda: about.text().startswith("Another source is called “the Manual”, too: "))
        assert about.tone == "plain"
        used.do(dialog.save)
        used.world.wait_until(lambda: not isValid(dialog))


class TestTheSignIn:
    def open(self, used: RecipeWindow) -> Any:
        used.sources()
        used.choose(ActionId.SIGN_IN)
        dialog = used.dialog("credential")
        dialog.activateWindow()
        used.world.wait_until(lambda: bool(child(dialog, "whereKept").text()))
        return dialog

    def paste(self, used: RecipeWindow, dialog: Any, text: str) -> None:
        mime = QMimeData()
        mime.setText(text)
        used.do(lambda: dialog.fields.paste.insertFromMimeData(mime))

    def test_what_is_pasted_is_recognised_and_put_out_of_sight(
        self, used: RecipeWindow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """J8: the database holds the last four characters, the keyring the secret, and the window neither shows it."""
        keyring = fake_keyring.use(monkeypatch)
        source_id = add(used)
        dialog = self.open(used)
        self.paste(used, dialog, CURL)
        assert dialog.recognised.text() == "✓ 2 cookies (session, theme), ends in …a3f9"
        assert not dialog.fields.paste.isVisible()
        assert SECRET not in everything_shown(dialog)
        assert "in the keyring of this computer" in child(dialog, "whereKept").text()
        used.do(dialog.save)
        used.world.wait_until(lambda: not isValid(dialog))
        credential = get(used, source_id).credential
        assert credential is not None
        assert (credential.origin, credential.kind, credential.tail) == (WIKI[:-1], CredentialKind.COOKIES, "a3f9")
        assert any(SECRET in entry for entry in keyring.entries.values())

    def test_without_a_keyring_it_says_that_it_will_be_asked_for(self, used: RecipeWindow) -> None:
        add(used)
        dialog = self.open(used)
        assert "asked for at each start" in child(dialog, "whereKept").text()

    def test_what_is_for_another_site_is_refused(self, used: RecipeWindow) -> None:
        add(used)
        dialog = self.open(used)
        self.paste(used, dialog, CURL.replace("wiki.intern.test", "elsewhere.test"))
        assert dialog.recognised.text().startswith("✕ The cURL command is for https://elsewhere.test")
        assert not child(dialog, "save").isEnabled()
        assert dialog.fields.paste.isVisible()

    def test_what_is_not_recognised_is_said_in_the_words_of_the_dialog(self, used: RecipeWindow) -> None:
        add(used)
        dialog = self.open(used)
        self.paste(used, dialog, "hello world")
        assert dialog.recognised.text().endswith("Choose its kind above, or copy it again.")

    @pytest.mark.parametrize(
        ("row", "fields", "said"),
        [
            (1, {"token": "abcdefgh12345678"}, "✓ Token, ends in …5678"),
            (2, {"user": "ada", "password": "correct-horse"}, "✓ User name ada with a password, ends in …orse"),
            (3, {"header": "X-Api-Key", "headerValue": "k3y-0123456789"}, "✓ Header X-Api-Key, ends in …6789"),
        ],
    )
    def test_each_kind_has_its_fields_by_keyboard(
        self, used: RecipeWindow, row: int, fields: dict[str, str], said: str
    ) -> None:
        source_id = add(used)
        dialog = self.open(used)
        child(dialog, "kind").setCurrentIndex(row)
        for name, text in fields.items():
            go_to(name)
            type_text(text)
        assert dialog.recognised.text() == said
        assert next(iter(fields.values())) not in said or row != 1
        used.do(lambda: press(Qt.Key.Key_Return))
        used.world.wait_until(lambda: not isValid(dialog))
        credential = get(used, source_id).credential
        assert credential is not None
        assert credential.kind == (CredentialKind.BEARER, CredentialKind.BASIC, CredentialKind.HEADER)[row - 1]

    def test_a_file_of_cookies_can_be_opened(self, used: RecipeWindow, tmp_path: Path) -> None:
        add(used)
        dialog = self.open(used)
        file = tmp_path / "cookies.txt"
        line = f"wiki.intern.test\tFALSE\t/\tTRUE\t0\tsession\t{SECRET}"
        file.write_text(f"# Netscape HTTP Cookie File\n{line}\nother.test\tFALSE\t/\tFALSE\t0\ta\tb\n")
        used.do(lambda: dialog.fields.take_file(str(file)))
        assert dialog.recognised.text() == (
            "✓ 1 cookie (session), ends in …a3f9; 1 cookie of other sites or expired left out"
        )
        used.do(lambda: dialog.fields.take_file(str(tmp_path / "missing.txt")))
        assert "cannot be read" in child(dialog, "complaint").text()

    def test_it_can_be_kept_changed_and_removed(self, used: RecipeWindow) -> None:
        source_id = with_cookies(used)
        dialog = self.open(used)
        assert dialog.recognised.text() == "Now: cookies …a3f9. Leave this empty to keep it."
        used.do(lambda: child(dialog, "more").fold(out=True))
        child(dialog, "loginUrl").setText(f"{WIKI}login")
        used.do(dialog.save)
        used.world.wait_until(lambda: not isValid(dialog))
        credential = get(used, source_id).credential
        assert credential is not None
        assert (credential.tail, credential.login_url) == ("a3f9", f"{WIKI}login")
        dialog = self.open(used)
        used.do(child(dialog, "remove").click)
        used.world.wait_until(lambda: not isValid(dialog))
        assert get(used, source_id).credential is None

    def test_saved_and_tested_it_stays_and_says_what_came_of_it(
        self, used: RecipeWindow, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source_id = add(used)
        asked: list[tuple[int, str]] = []

        async def test(credential_id: int, url: str = "") -> CredentialTest:
            asked.append((credential_id, url))
            return CredentialTest(ok=True, url=WIKI, status=200, message="It lets us in.")

        monkeypatch.setattr(used.world.services.credentials, "test", test)
        dialog = self.open(used)
        self.paste(used, dialog, CURL)
        used.do(child(dialog, "test").click)
        used.world.wait_until(lambda: child(dialog, "tested").text() == "✓ It lets us in.")
        credential = get(used, source_id).credential
        assert credential is not None
        assert asked == [(credential.id, "")]
        assert dialog.isVisible()

    def test_the_page_to_sign_in_must_be_an_address(self, used: RecipeWindow) -> None:
        with_cookies(used)
        dialog = self.open(used)
        child(dialog, "loginUrl").setText("ftp://x")
        used.do(dialog.save)
        used.world.wait_until(lambda: bool(child(dialog, "complaint").text()))
        assert (dialog.isVisible(), focused().objectName()) == (True, "loginUrl")


class TestSigningInAgain:
    """A crawl whose session expired pauses with “sign in again”, and goes on when that was done."""

    @pytest.fixture
    def paused(self, used: RecipeWindow) -> Callable[[], int]:
        def pause() -> int:
            source_id = with_cookies(used)
            services = used.world.services
            job_id = used.world.run(services.jobs.start_crawl(CrawlRequest(urls=(WIKI,), source_id=source_id)))
            reason = "Sign in again: wiki.intern.test no longer lets us in with “wiki” (401)."
            ledger = services.jobs._ledger
            used.world.run(
                ledger._database.write(
                    lambda tx: tx.execute(
                        "UPDATE jobs SET status = 'paused', cause = 'sign_in', error = ?, revision = ? WHERE id = ?",
                        (reason, tx.revision, job_id),
                    )
                )
            )
            return job_id

        return pause

    def test_it_is_said_where_it_cannot_be_missed_and_goes_on(
        self, used: RecipeWindow, paused: Callable[[], int]
    ) -> None:
        job_id = paused()
        used.world.wait_until(lambda: any(notice.button for notice in used.world.notices))
        notice = next(notice for notice in used.world.notices if notice.button)
        assert (notice.button, notice.kind) == ("Sign in again…", "info")
        used.do(lambda: used.window.show_job(job_id))
        detail = used.window.detail
        offer = detail.overview.trouble._action
        used.world.wait_until(offer.isVisible)
        used.do(offer.click)
        dialog = used.dialog("credential")
        assert "no longer lets us in" in dialog.about.text()
        mime = QMimeData()
        mime.setText(CURL.replace(SECRET, "anothersession0123"))
        used.do(lambda: dialog.fields.paste.insertFromMimeData(mime))
        used.do(dialog.save)

        def goes_on() -> bool:
            return used.world.run(used.world.services.jobs.get(job_id)).status != "paused"

        used.world.wait_until(lambda: not isValid(dialog))
        used.world.wait_until(lambda: any("1 crawl went on." in each.message for each in used.world.notices))
        assert goes_on()

    def test_at_the_start_secrets_that_are_missing_are_asked_for_once_and_quietly(self, used: RecipeWindow) -> None:
        source_id = with_cookies(used)
        services = used.world.services
        used.world.run(services.jobs.start_crawl(CrawlRequest(urls=(WIKI,), source_id=source_id)))
        used.world.run(used.commands.recipes.ask_for_missing())
        assert used.world.notices == []
        services.secrets.close()  # what memory kept is gone, as after another start
        used.world.run(used.commands.recipes.ask_for_missing())
        assert [(notice.kind, notice.button) for notice in used.world.notices] == [("info", "Sign in…")]
        assert "wiki" in used.world.notices[0].message
        used.do(used.world.notices[0].on_click)
        assert used.dialog("credential").isVisible()

    def test_other_pauses_are_not_mistaken_for_it(self, used: RecipeWindow) -> None:
        job_id = used.world.run(used.world.services.jobs.start_crawl(CrawlRequest(urls=(DOCS,))))
        used.world.run(used.world.services.jobs.pause(job_id))
        job = used.world.run(used.world.services.jobs.get(job_id))
        used.do(lambda: used.commands.recipes._on_update(FeedUpdate(revision=1, roots=(job,))))
        assert used.world.notices == []

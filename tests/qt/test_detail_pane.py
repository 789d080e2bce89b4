"""The detail pane over a real library: what it shows of crawls, pages and selections, and where its clicks lead."""

from collections import Counter
from typing import TypeVar

import msgspec
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QToolButton, QWidget

from quaero_desktop.domain.definitions import StepState
from quaero_desktop.domain.jobs import Cause, JobType, SkipReason, Status
from quaero_desktop.domain.listing import Waiting
from quaero_desktop.domain.outcomes import Failed, Recorded, Refusal, Stored
from quaero_desktop.domain.pagelist import PageFilter, PageRow
from quaero_desktop.ui.actions import Selection, Target
from quaero_desktop.ui.views import detail
from quaero_desktop.ui.views.detail import DetailPane, Tab
from quaero_desktop.ui.views.overview import RootOverview
from tests.support.handmade import SITE, begin, failed, go_on
from tests.support.outcomes import stored
from tests.support.qtwindow import QtWorld

PAGES = {name: f"{SITE}{name}" for name in ("json", "io", "re", "gone", "moved", "ok1", "ok2")}
BROKEN = failed(Cause.HTTP_SERVER_ERROR, "The server had a problem (503).", 503)
NOW = 1_700_000_000_000
HOSTILE = "\u202eevil\x07 <b>bold</b>"


def outcomes() -> dict[str, Stored | Recorded | Failed]:
    refused = [Refusal(f"https://e.test/{page}", SkipReason.SCOPE, "host: docs.site.test") for page in range(5)]
    return {
        SITE: stored(SITE, "The start", list(PAGES.values()), refused=refused, title="Python documentation"),
        PAGES["json"]: BROKEN,
        PAGES["io"]: BROKEN,
        PAGES["re"]: BROKEN,
        PAGES["gone"]: failed(Cause.NOT_FOUND, "There is no such page (404).", 404),
        PAGES["moved"]: Recorded(result={"redirect": PAGES["ok1"]}, message="Redirects (301)", status=301),
        PAGES["ok1"]: stored(PAGES["ok1"], "# Fine\n\nWords.", title=HOSTILE, wire_bytes=20_300),
        PAGES["ok2"]: stored(PAGES["ok2"], "More words"),
    }


W = TypeVar("W", bound=QWidget)


class Shown:
    """A pane over a crawl that ended, or stands still after some pages."""

    def __init__(self, world: QtWorld, pane: DetailPane, root_id: int) -> None:
        self.world = world
        self.pane = pane
        self.root_id = root_id
        self.actions: list[Selection] = []
        self.activated: list[int] = []
        pane.selected.connect(self.actions.append)
        pane.page_activated.connect(self.activated.append)

    def act(self, do) -> None:
        """Do something as an event of the window's loop does it."""

        async def within() -> None:
            do()

        self.world.run(within())

    def rows(self, root_id: int | None = None) -> dict[str | None, PageRow]:
        services = self.world.services
        ids = self.world.run(services.pages.ids(PageFilter(root_id=root_id or self.root_id)))
        return {row.url: row for row in self.world.run(services.pages.rows(ids))}

    def root(self) -> Target:
        return Target.of_job(self.world.run(self.world.services.jobs.get(self.root_id)))

    def select(self, *targets: Target) -> None:
        self.act(lambda: self.pane.show_selection(Selection.of(targets)))
        if len(targets) == 1:
            self.settle()

    def settle(self) -> None:
        """Wait until all is read."""
        self.wait(lambda: self.pane._job is not None and not self.pane.is_reading)

    def select_root(self) -> None:
        self.select(self.root())

    def select_page(self, name: str) -> None:
        self.select(Target.of_page(self.rows()[PAGES[name]]))

    def wait(self, predicate) -> None:
        self.world.wait_until(predicate)

    def text(self, name: str) -> str:
        return self.child(QLabel, name).text()

    def child(self, kind: type[W], name: str) -> W:
        found = self.pane.findChild(kind, name)
        assert found is not None
        return found


@pytest.fixture(autouse=True)
def _impatient(monkeypatch) -> None:
    """Details are read again at once, where a person waits a second."""
    monkeypatch.setattr(detail, "READ_EVERY_MS", 20)


@pytest.fixture
def shown(world: QtWorld, qtbot) -> Shown:
    root_id = world.run(begin(world.services, exclude=("*/_sources/*", "*/old/*")))
    world.run(go_on(world.services, outcomes()))
    return make(world, qtbot, root_id)


@pytest.fixture
def running(world: QtWorld, qtbot) -> Shown:
    root_id = world.run(begin(world.services))
    world.run(go_on(world.services, outcomes(), 4))
    return make(world, qtbot, root_id)


def make(world: QtWorld, qtbot, root_id: int) -> Shown:
    pane = DetailPane(world.context)
    qtbot.addWidget(pane)
    pane.resize(480, 700)
    made = Shown(world, pane, root_id)
    made.act(world.context.feed.start)
    made.act(pane.show)
    return made


# --- a crawl ----------------------------------------------------------------------------------------------------------


def test_nothing_selected_says_what_to_do(shown: Shown) -> None:
    assert shown.pane._nothing.isVisible()
    assert shown.pane.job_id is None


def test_an_ended_crawl_is_summed_up_in_its_head(shown: Shown) -> None:
    shown.select_root()

    assert shown.text("detailTitle") == "docs.site.test"
    assert shown.text("detailStatus") == "✓! done, 4 warnings"
    assert shown.text("detailCounts") == "4 done · 4 failed · 5 skipped"
    assert shown.text("detailLeft").startswith("ended just now · took ")
    visible = [tab for tab in Tab if shown.pane.tabs.isTabVisible(tab)]
    assert visible == [Tab.OVERVIEW, Tab.PAGES, Tab.SKIPPED, Tab.SETUP]


def test_failures_are_grouped_by_cause_in_plain_words(shown: Shown) -> None:
    shown.select_root()

    rows = shown.pane.overview.failures.rows
    assert [(row.group.pages, row._cause.text()) for row in rows] == [
        (3, "The server had a problem (503)"),
        (1, "The page does not exist (404)"),
    ]
    assert shown.pane.overview.pages.shown == {"failed": 4, "completed": 4}
    assert shown.pane.overview.skipped.shown == {"scope": 5}
    assert shown.pane.overview.documents.shown["Stored"] == "3 documents"


def test_the_numbers_of_pages_keep_up_with_the_head(running: Shown, monkeypatch) -> None:
    running.select_root()
    before = running.pane.overview.pages.shown
    monkeypatch.setattr(detail, "READ_EVERY_MS", 60_000)

    running.world.run(go_on(running.world.services, outcomes(), 2))

    running.wait(lambda: running.pane.overview.pages.shown != before)
    pages = [row.status for row in running.rows().values() if row.type == JobType.CRAWLER_URL]
    running.wait(lambda: running.pane.overview.pages.shown == dict(Counter(pages)))


def test_retrying_a_group_queues_its_pages_and_no_other(shown: Shown) -> None:
    shown.select_root()

    shown.act(shown.pane.overview.failures.rows[0]._retry.click)
    shown.wait(lambda: bool(shown.world.notices))

    assert shown.world.notices[0].message == "3 pages queued again."
    statuses = {url: row.status for url, row in shown.rows().items()}
    assert {url for url, status in statuses.items() if status == Status.PENDING} == {
        PAGES[name] for name in ("json", "io", "re")
    }
    assert statuses[PAGES["gone"]] == Status.FAILED
    shown.wait(lambda: len(shown.pane.overview.failures.rows) == 1)
    assert shown.pane.overview.failures.rows[0]._retry.isEnabled()


def test_showing_a_group_shows_its_pages(shown: Shown) -> None:
    shown.select_root()

    shown.act(shown.pane.overview.failures.rows[0]._show.click)

    assert shown.pane.tab is Tab.PAGES
    view = shown.pane.pages_view
    shown.wait(lambda: view.root_id == shown.root_id)
    which = view._wanted()
    assert (which.status, which.cause, which.code) == (("failed",), ("http_5xx",), (503,))


def test_a_count_of_skips_leads_to_them(shown: Shown) -> None:
    shown.select_root()

    shown.act(shown.pane.overview.skipped.row("scope").click)
    shown.wait(lambda: shown.pane.skipped.model.rowCount() == 5)

    assert shown.pane.tab is Tab.SKIPPED


def test_a_running_crawl_is_live(running: Shown) -> None:
    running.select_root()
    assert running.text("detailStatus") == "▶ running"
    assert running.text("detailCounts") == "1 done · 3 failed · 4 queued · 5 skipped"
    row = running.pane.overview.failures.rows[0]

    running.world.run(go_on(running.world.services, outcomes(), 2))
    running.wait(lambda: running.text("detailCounts") == "2 done · 4 failed · 2 queued · 5 skipped")
    running.wait(lambda: len(running.pane.overview.failures.rows) == 2)

    assert running.pane.overview.failures.rows[0] is row  # it kept its place
    running.world.run(go_on(running.world.services, outcomes()))
    running.wait(lambda: running.text("detailStatus").startswith("✓!"))


def test_the_pace_is_kept_also_while_something_else_is_selected(running: Shown) -> None:
    running.select()
    running.world.run(go_on(running.world.services, outcomes(), 2))
    running.wait(lambda: running.pane._paces.of(running.root_id) is not None)

    running.select_root()

    assert running.pane.overview.chart.isVisibleTo(running.pane)


def test_a_hidden_pane_reads_nothing_until_it_is_seen(running: Shown, monkeypatch) -> None:
    running.select_root()
    running.act(running.pane.hide)
    asked: list[int] = []
    details = running.world.services.jobs.details

    async def counted(job_id: int):
        asked.append(job_id)
        return await details(job_id)

    monkeypatch.setattr(running.world.services.jobs, "details", counted)
    running.world.run(go_on(running.world.services, outcomes(), 2))
    running.wait(lambda: running.pane._is_stale)
    assert asked == []

    running.act(running.pane.show)
    running.wait(lambda: running.text("detailCounts").startswith("2 done"))
    running.wait(lambda: asked == [running.root_id])


def test_the_setup_is_said_in_words_and_copied_as_json(shown: Shown) -> None:
    shown.select_root()
    shown.act(lambda: shown.pane.show_tab("setup"))

    said = shown.pane.setup.shown
    assert said["Rules"] == {"Exclude 1": "*/_sources/*", "Exclude 2": "*/old/*", "Include": "everything else in reach"}
    shown.act(shown.child(QPushButton, "copySetup").click)
    assert msgspec.json.decode(QGuiApplication.clipboard().text())["exclude"] == ["*/_sources/*", "*/old/*"]


# --- a page -----------------------------------------------------------------------------------------------------------


def test_a_failed_page_says_why_what_to_do_and_who_failed_alike(shown: Shown) -> None:
    shown.select_page("json")

    overview = shown.pane.page_overview
    assert shown.text("detailTitle") == "/json"
    assert shown.child(QLineEdit, "detailUrl").text() == PAGES["json"]
    assert overview.trouble.sentence == "The server had a problem (503)"
    assert overview.trouble.exact == "The server had a problem (503)."
    assert not overview.trouble._exact.isVisible()
    shown.act(overview.trouble._toggle.click)
    assert overview.trouble._exact.isVisible()
    assert overview.siblings.text() == "3 pages of this crawl failed like this: the server had a problem (503)."
    assert overview.retry_all.text() == "Retry these 3 pages"
    facts = overview.facts.shown
    assert (facts["HTTP status"], facts["Depth"], facts["Found on"]) == (
        "503",
        "1 link from the start",
        "docs.site.test",
    )


def test_a_page_can_be_retried_alone_or_with_those_like_it(shown: Shown) -> None:
    shown.select_page("json")

    shown.act(shown.pane.page_overview.retry_page.click)
    shown.wait(lambda: shown.text("detailStatus") == "○ pending")
    assert shown.world.notices[-1].message == "1 page queued again."

    shown.select_page("io")
    assert shown.pane.page_overview.retry_all.text() == "Retry these 2 pages"
    shown.act(shown.pane.page_overview.retry_all.click)
    shown.wait(lambda: shown.world.notices[-1].message == "2 pages queued again.")


def test_a_page_that_failed_alone_offers_no_group(shown: Shown) -> None:
    shown.select_page("gone")

    assert not shown.pane.page_overview.retry_all.isVisible()
    assert shown.pane.page_overview.retry_page.isVisible()


def test_what_the_web_calls_a_page_is_inert(shown: Shown) -> None:
    shown.select_page("ok1")

    title = shown.text("detailTitle")
    assert "\u202e" not in title
    assert "\x07" not in title
    assert "<b>bold</b>" in title  # as text


def test_a_stored_page_leads_to_its_document(shown: Shown) -> None:
    shown.select_page("ok1")

    shown.act(shown.pane.page_overview.facts.link("Document").click)
    shown.wait(lambda: shown.pane.document_view.document is not None)

    assert shown.pane.tab is Tab.DOCUMENT
    assert shown.pane.document_view.document.url == PAGES["ok1"]


def test_a_page_without_a_document_has_none_to_show(shown: Shown) -> None:
    shown.select_page("ok1")
    shown.act(lambda: shown.pane.show_tab("document"))
    shown.select_page("moved")

    assert shown.pane.tab is Tab.OVERVIEW
    assert not shown.pane.tabs.isTabEnabled(Tab.DOCUMENT)
    assert shown.pane.page_overview.facts.shown["Result"] == f"Redirects to {PAGES['ok1']}"


def test_every_try_is_listed(shown: Shown) -> None:
    shown.select_page("json")
    shown.act(shown.pane.page_overview.retry_page.click)
    shown.wait(lambda: shown.text("detailStatus") == "○ pending")
    shown.world.run(go_on(shown.world.services, outcomes()))
    shown.wait(lambda: shown.pane.attempts.table.topLevelItemCount() == 2)

    last = shown.pane.attempts.table.topLevelItem(1)
    assert last is not None
    assert [last.text(column) for column in (0, 3, 4)] == ["2", "✕ failed", "The server had a problem (503)"]


def test_from_a_page_one_comes_to_where_it_was_found_and_back_to_the_crawl(shown: Shown) -> None:
    shown.select_root()
    shown.act(lambda: shown.pane.show_tab("skipped"))
    row = shown.rows()[PAGES["json"]]
    shown.act(lambda: shown.pane.open_job(row.id))
    shown.wait(lambda: shown.text("detailTitle") == "/json")
    shown.settle()
    assert shown.activated == [row.id]
    assert [target.id for target in shown.actions[-1].targets] == [row.id]

    shown.act(shown.pane.page_overview.facts.link("Found on").click)
    shown.wait(lambda: shown.text("detailTitle") == "Python documentation")
    shown.settle()

    shown.act(shown.child(QToolButton, "backToCrawl").click)
    shown.wait(lambda: shown.text("detailTitle") == "docs.site.test")
    shown.settle()
    assert shown.pane.tab is Tab.SKIPPED
    assert [target.id for target in shown.actions[-1].targets] == [shown.root_id]


def test_the_same_selection_again_leaves_the_pane_where_one_went(shown: Shown) -> None:
    shown.select_root()
    row = shown.rows()[PAGES["json"]]
    shown.act(lambda: shown.pane.open_job(row.id))
    shown.wait(lambda: shown.text("detailTitle") == "/json")
    shown.settle()

    root = shown.root()
    shown.act(lambda: shown.pane.show_selection(Selection.of([root])))

    assert shown.pane.job_id == row.id


# --- selections -------------------------------------------------------------------------------------------------------


def test_several_jobs_are_summed_up(running: Shown) -> None:
    rows = running.rows()
    targets = [Target.of_page(rows[PAGES[name]]) for name in ("json", "io", "ok1")]
    running.select(*targets)

    title, counts = running.pane.many.sentences
    assert title == "3 pages selected"
    assert counts == "✕ 2 failed  ·  ○ 1 pending"


def test_a_summary_follows_what_happens(running: Shown) -> None:
    other = running.world.run(begin(running.world.services, name="other"))
    running.select(running.root(), Target.of_job(running.world.run(running.world.services.jobs.get(other))))
    assert "1 running" in running.pane.many.sentences[1]

    running.world.run(running.world.services.jobs.pause(running.root_id))

    running.wait(lambda: "1 paused" in running.pane.many.sentences[1])


def test_all_that_match_are_meant_also_those_one_does_not_see(shown: Shown) -> None:
    row = shown.rows()[PAGES["json"]]
    every = Selection((Target.of_page(row),), PageFilter(root_id=shown.root_id), 14_204)
    shown.act(lambda: shown.pane.show_selection(every))

    assert shown.pane.many.sentences[0] == "All 14,204 pages that match are selected"


def test_a_deleted_job_leaves_the_pane(shown: Shown) -> None:
    shown.select_root()

    shown.world.run(shown.world.services.deletion.delete([shown.root_id]))

    shown.wait(lambda: shown.pane.job_id is None)
    assert shown.pane._nothing.isVisible()
    assert shown.world.notices == []


def test_the_tab_stays_from_one_crawl_to_the_next(shown: Shown) -> None:
    other = shown.world.run(begin(shown.world.services, name="other"))
    shown.select_root()
    shown.act(lambda: shown.pane.show_tab("setup"))

    shown.select(Target.of_job(shown.world.run(shown.world.services.jobs.get(other))))

    assert shown.pane.tab is Tab.SETUP
    assert shown.text("detailTitle") == "other"


def test_what_can_be_clicked_can_be_reached_and_pressed_with_the_keyboard(shown: Shown) -> None:
    shown.select_root()
    row = shown.pane.overview.skipped.row("scope")
    assert row.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert row.accessibleName() == "Outside the scope: 5"

    shown.act(lambda: QTest.keyClick(row, Qt.Key.Key_Return))

    assert shown.pane.tab is Tab.SKIPPED


def test_the_runs_of_a_crawl_that_opened_again_are_its_attempts(shown: Shown) -> None:
    shown.select_root()
    assert not shown.pane.tabs.isTabVisible(Tab.ATTEMPTS)

    shown.act(shown.pane.overview.failures.rows[0]._retry.click)

    shown.wait(lambda: shown.pane.tabs.isTabVisible(Tab.ATTEMPTS))
    assert shown.pane.attempts.table.topLevelItemCount() == 1


# --- what is rare -----------------------------------------------------------------------------------------------------


def overview_of(shown: Shown, **fields: object) -> RootOverview:
    """Show the overview of the crawl as if *fields* were so."""
    details = shown.world.run(shown.world.services.jobs.details(shown.root_id)).root
    assert details is not None
    job = msgspec.structs.replace(details.job, **fields.pop("job", {}))  # type: ignore[arg-type]
    overview = shown.pane.overview
    overview.show_details(msgspec.structs.replace(details, job=job, **fields), (), NOW)
    return overview


def test_sites_that_wait_are_named_with_the_reason(running: Shown) -> None:
    waiting = [
        Waiting(lane=f"https://{name}.test", until=NOW + 42_000, reason="The server asked us to slow down (503).")
        for name in "abcdefg"
    ]

    overview = overview_of(running, waiting=tuple(waiting), current_url=None)

    first, *_, last = [fact.value for fact in overview.now._facts]
    assert first.startswith("a.test rests until ")
    assert first.endswith("(42 s): The server asked us to slow down (503).")
    assert last == "and 2 more sites"


@pytest.mark.parametrize(("action", "shows"), [("crawl", True), ("summarise", False)])
def test_the_page_of_now_is_shown_only_while_a_step_fetches(running: Shown, action: str, shows: bool) -> None:
    steps = (StepState(number=1, name="Step", action=action, status="running"),)

    overview = overview_of(running, steps=steps, current_url="https://docs.site.test/last")

    assert any(fact.value == "https://docs.site.test/last" for fact in overview.now._facts) is shows


def test_a_crawl_that_was_paused_says_why_and_what_to_do(running: Shown) -> None:
    error = "docs.site.test failed 5 times in a row: The server had a problem (503)."

    overview = overview_of(running, job={"status": "paused", "error": error})

    assert overview.trouble.sentence == error
    assert overview.trouble._advice.text() == "Resume it when the trouble is over."


def test_what_a_recrawl_found_out_is_said(shown: Shown) -> None:
    overview = overview_of(shown, changes={"new": 2, "changed": 1, "unchanged": 1165, "gone": 3})

    assert overview.documents.shown["Of them"] == "2 new, 1 changed, 1,165 unchanged"
    assert overview.documents.shown["Gone"] == "3 documents no longer on the site"

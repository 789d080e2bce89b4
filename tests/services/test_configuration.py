"""The settings as a front end sees them, and settings that change while the library is open."""

from typing import Any

import msgspec
import pytest

from quaero_desktop.domain.errors import LibraryError, UsageError
from quaero_desktop.infra.clock import SystemClock
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings.sections import Settings
from quaero_desktop.services import compose, configuration
from quaero_desktop.services.crawlrequest import CrawlRequest


@pytest.fixture
def environ(tmp_path):
    """An environment whose settings file is in a folder of this test."""
    return {"QUAERO_CONFIG": str(tmp_path / "settings.toml")}


class TestReadingAndSaving:
    def test_what_was_saved_is_read(self, environ):
        preferences = configuration.save({"queue.num_workers": 8, "window.theme": "dark"}, environ)
        assert preferences == configuration.read(environ)
        assert preferences.value("queue.num_workers") == 8
        assert preferences.settings.window.theme == "dark"

    def test_a_default_is_not_kept(self, environ):
        configuration.save({"queue.num_workers": 8}, environ)
        preferences = configuration.save({"queue.num_workers": 5}, environ)
        assert "\n#num_workers = 5\n" in preferences.file.read_text(encoding="utf-8")

    def test_a_variable_that_overrides_is_named(self, environ):
        environ |= {"QUAERO_QUEUE_NUM_WORKERS": "12", "QUAERO_CRAWL_SCOPE": "nonsense", "QUAERO_FETCH_CONTACT": ""}
        preferences = configuration.read(environ)
        assert preferences.overridden == {"queue.num_workers": "QUAERO_QUEUE_NUM_WORKERS"}
        assert [problem.key for problem in preferences.problems] == ["crawl.scope"]

    def test_a_value_is_judged_on_its_own(self):
        assert configuration.refusal("queue.num_workers", 8) == ""
        assert configuration.refusal("queue.num_workers", 0) == "A whole number from 1 to 64."
        with pytest.raises(UsageError):
            configuration.info("queue.workers")


class TestTheLibraryFolder:
    def test_the_setting_names_it_where_nothing_else_does(self, environ, tmp_path):
        configuration.save({"storage.library": str(tmp_path / "mine")}, environ)
        assert compose.library_files(None, environ).folder == tmp_path / "mine"
        assert compose.library_files(str(tmp_path / "given"), environ).folder == tmp_path / "given"
        environ["QUAERO_LIBRARY"] = str(tmp_path / "variable")
        assert compose.library_files(None, environ).folder == tmp_path / "variable"

    def test_without_it_the_platform_does(self, environ):
        assert compose.library_files(None, environ).folder == configuration.place_of("").folder

    def test_a_place_is_judged_and_nothing_is_made(self, tmp_path):
        place = configuration.library_place(tmp_path / "new" / "library", Settings())
        assert (place.folder, place.exists) == (tmp_path / "new" / "library", False)
        assert not (tmp_path / "new").exists()
        (tmp_path / "file").write_text("")
        with pytest.raises(LibraryError, match="is a file"):
            configuration.library_place(tmp_path / "file", Settings())
        with pytest.raises(LibraryError, match="where a database gets damaged"):
            configuration.library_place(tmp_path / "Dropbox", Settings())

    async def test_a_library_that_is_there_is_recognised(self, tmp_path):
        async with compose.writing(LibraryFiles(tmp_path / "mine"), Settings(), create=True):
            pass
        assert configuration.library_place(tmp_path / "mine", Settings()).exists


def changed(**sections):
    """Return the default settings with some values changed, section by section."""
    settings = Settings()
    return msgspec.structs.replace(
        settings,
        **{name: msgspec.structs.replace(getattr(settings, name), **values) for name, values in sections.items()},
    )


class TestOtherSettingsWhileTheLibraryIsOpen:
    async def test_new_crawls_begin_with_them_and_old_ones_keep_theirs(self, tmp_path):
        request = CrawlRequest(urls=("docs.python.org",))
        async with compose.writing(LibraryFiles(tmp_path), Settings(), create=True) as services:
            before = await services.jobs.start_crawl(request)
            services.apply(changed(crawl={"max_depth": 9, "per_host": 7}))
            after = await services.jobs.start_crawl(request)
            depths = [(await services.jobs.get(job)).payload["max_depth"] for job in (before, after)]
            assert depths == [5, 9]

    async def test_the_engine_goes_on_with_them(self, tmp_path):
        async with compose.writing(LibraryFiles(tmp_path), Settings(), create=True, engine=True) as services:
            settings = changed(
                queue={"num_workers": 11},
                crawl={"delay_seconds": 2.5, "local_delay_seconds": 0.5, "host_failures": 3},
                fetch={"user_agent": "Mine/1", "contact": "me@home.org"},
                storage={"keep_backups": 2},
            )
            services.apply(settings)
            engine: Any = services.engine
            assert (engine._pool.workers, engine._pool.host_failures) == (11, 3)
            assert dict(engine._fetcher._headers)[b"User-Agent"] == b"Mine/1 (+me@home.org)"
            assert engine._politeness._delay_of("https://docs.python.org") == 2500
            assert engine._politeness._delay_of("http://127.0.0.1:8000") == 500
            assert services.maintenance.keep_backups == 2

    async def test_backups_beyond_the_new_number_go_with_the_next_one(self, tmp_path):
        async with compose.writing(LibraryFiles(tmp_path), Settings(), create=True, clock=SystemClock()) as services:
            for _ in range(3):
                await services.maintenance.back_up()
            services.apply(changed(storage={"keep_backups": 1}))
            await services.maintenance.back_up()
        assert len(compose.backups(LibraryFiles(tmp_path)).newest_first()) == 1

"""Saving settings: what a person wrote by hand stays as they wrote it, and nothing is saved that would not be read."""

import os
import stat
import sys
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.errors import SettingsError, UsageError
from quaero_desktop.infra.settings.info import checked, info
from quaero_desktop.infra.settings.loading import load
from quaero_desktop.infra.settings.saving import render_defaults, save
from quaero_desktop.infra.settings.sections import Settings

BY_HAND = """\
# Mine, since 2024.
[crawl]        # slowly
max_depth = 3  # enough
future_key = "kept"

[queue]
#num_workers = 5
max_attempts = 2

[plugins]
anything = [1,
  2]
"""


@pytest.fixture
def file(tmp_path):
    return tmp_path / "settings.toml"


def written(file, text, changes):
    """Return what becomes of a file's text when *changes* are saved in it."""
    file.write_text(text, encoding="utf-8")
    save(file, changes)
    return file.read_text(encoding="utf-8")


class TestAFileWrittenByHand:
    def test_a_changed_value_is_all_that_changes(self, file):
        assert written(file, BY_HAND, {"crawl.max_depth": 7}) == BY_HAND.replace("= 3  #", "= 7  #")

    def test_a_setting_that_is_a_comment_is_put_into_force_in_its_place(self, file):
        assert written(file, BY_HAND, {"queue.num_workers": 8}) == BY_HAND.replace(
            "#num_workers = 5", "num_workers = 8"
        )

    def test_a_setting_that_is_not_there_joins_its_section(self, file):
        text = written(file, BY_HAND, {"crawl.delay_seconds": 1.5})
        assert tomllib.loads(text)["crawl"] == {"max_depth": 3, "future_key": "kept", "delay_seconds": 1.5}
        for line in BY_HAND.splitlines():
            assert line in text.splitlines()

    def test_a_section_that_is_not_there_comes_last(self, file):
        text = written(file, BY_HAND, {"window.theme": "dark"})
        assert text.startswith(BY_HAND)
        assert tomllib.loads(text)["window"] == {"theme": "dark"}

    def test_none_is_the_default_and_becomes_a_comment(self, file):
        text = written(file, BY_HAND, {"crawl.max_depth": None})
        assert "#max_depth = 5  # enough\n" in text
        assert load(file, {}).settings.crawl.max_depth == Settings().crawl.max_depth

    def test_none_for_what_is_not_there_changes_nothing(self, file):
        assert written(file, BY_HAND, {"queue.num_workers": None}) == BY_HAND

    def test_there_and_back_is_where_we_were(self, file):
        written(file, BY_HAND, {"queue.num_workers": 8})
        save(file, {"queue.num_workers": None})
        assert file.read_text() == BY_HAND

    @pytest.mark.parametrize(
        "text",
        [
            "queue.num_workers = 3\n",
            "queue = { num_workers = 3, max_attempts = 2 }\n",
            "queue = { max_attempts = 2 }\n",
            '["queue"]\n "num_workers" = 3',
            "[queue]",
            "[queue]\nmax_attempts = 2",
            "# nothing",
            "",
            "[queue] # here",
        ],
    )
    @pytest.mark.parametrize("value", [8, None])
    def test_it_may_be_written_in_any_way(self, file, text, value):
        before = tomllib.loads(text).get("queue", {})
        after = tomllib.loads(written(file, text, {"queue.num_workers": value})).get("queue", {})
        expected = {key: old for key, old in before.items() if key != "num_workers"}
        assert after == expected | ({} if value is None else {"num_workers": value})

    def test_a_comment_in_the_middle_of_a_text_is_no_setting(self, file):
        text = '[fetch]\nuser_agent = """\n[queue]\n#num_workers = 1"""\n[queue]\nx = """\n#num_workers = 2\n"""\n'
        after = tomllib.loads(written(file, text, {"queue.num_workers": 8}))
        assert after["queue"] == {"x": "#num_workers = 2\n", "num_workers": 8}

    def test_its_line_ends_stay(self, file):
        file.write_bytes(b"[queue]\r\nnum_workers = 3\r\n")
        save(file, {"queue.num_workers": 8, "queue.max_attempts": 2})
        assert file.read_bytes() == b"[queue]\r\nnum_workers = 8\r\nmax_attempts = 2\r\n"

    def test_a_list_is_saved_as_one(self, file):
        save(file, {"crawl.tracking_parameters": ("gclid", "x_*")})
        assert load(file, {}).settings.crawl.tracking_parameters == ("gclid", "x_*")


class TestANewFile:
    def test_it_explains_every_setting(self, file):
        save(file, {"queue.num_workers": 8, "crawl.scope": "prefix"})
        expected = render_defaults().replace("#num_workers = 5", "num_workers = 8")
        assert file.read_text() == expected.replace('#scope = "host"', 'scope = "prefix"')

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")
    def test_it_and_its_folder_are_private(self, tmp_path):
        file = tmp_path / "config" / "Quaero" / "settings.toml"
        save(file, {"fetch.contact": "me@home"})
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert os.listdir(file.parent) == ["settings.toml"]

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows wants a privilege for links")
    def test_a_link_to_it_stays_a_link(self, tmp_path):
        kept = tmp_path / "dotfiles.toml"
        kept.write_text("[queue]\n")
        link = tmp_path / "settings.toml"
        link.symlink_to(kept)
        save(link, {"queue.num_workers": 8})
        assert link.is_symlink()
        assert "num_workers = 8" in kept.read_text()


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("queue.num_workers", 0, "queue.num_workers must be a whole number from 1 to 64, not 0."),
            ("queue.num_workers", "8", "queue.num_workers must be a whole number from 1 to 64, not “8”."),
            ("window.theme", "pink", "window.theme must be system, light or dark, not “pink”."),
            ("fetch.contact", "a\nb", "fetch.contact must be plain ASCII text of at most 200 characters, not “a b”."),
            ("storage.library", "library", "storage.library must be the full path of a folder, not “library”."),
            ("storage.library", "~other/library", "storage.library must be the full path of a folder"),
            ("queue.num_worker", 1, "There is no setting queue.num_worker; did you mean num_workers?"),
            ("queues.num_workers", 1, "There is no setting queues.num_workers: there is no section [queues]; did you"),
            ("theme", 1, "There is no setting theme: theme belongs under [window]"),
            ("queue.num_worker", None, "There is no setting queue.num_worker"),
        ],
    )
    def test_is_named_and_nothing_is_written(self, file, key, value, said):
        with pytest.raises(UsageError) as refused:
            save(file, {"queue.max_attempts": 2, key: value})
        assert refused.value.message.startswith(said)
        assert not file.exists()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (b"[queue\n", "line 1: this is not valid TOML"),
            (b"# caf\xe9\n", "this is not UTF-8 text"),
            (b"queue = 8\n", "queue is not a section"),
            (b"[[queue]]\n", "queue is not a section"),
            (b"#" * 70_000, "larger than 64 kB"),
        ],
    )
    def test_a_file_that_cannot_be_understood_is_left_as_it_is(self, file, text, said):
        file.write_bytes(text)
        with pytest.raises(SettingsError, match="cannot be saved") as refused:
            save(file, {"queue.num_workers": 8})
        assert said in refused.value.message
        assert file.read_bytes() == text

    @pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="nothing is forbidden to root")
    def test_a_folder_that_cannot_be_written_is_named(self, tmp_path):
        tmp_path.chmod(0o500)
        with pytest.raises(SettingsError, match="Permission denied"):
            save(tmp_path / "settings.toml", {"queue.num_workers": 8})
        tmp_path.chmod(0o700)

    def test_a_file_in_place_of_the_folder_is_named(self, tmp_path):
        (tmp_path / "config").write_text("")
        with pytest.raises(SettingsError, match="cannot be"):
            save(tmp_path / "config" / "settings.toml", {"queue.num_workers": 8})

    def test_what_a_killed_program_left_is_in_nobodys_way(self, file):
        file.with_name("settings.toml.new").write_text("half")
        save(file, {"queue.num_workers": 8})
        assert load(file, {}).settings.queue.num_workers == 8
        assert os.listdir(file.parent) == ["settings.toml"]


class TestWhatIsKnownAboutASetting:
    def test_a_number_has_bounds(self):
        workers = info("queue.num_workers")
        assert (workers.default, workers.least, workers.most) == (5, 1, 64)
        assert workers.variable == "QUAERO_QUEUE_NUM_WORKERS"
        assert workers.expected == "a whole number from 1 to 64"
        assert workers.description.endswith(".")

    def test_a_choice_has_values(self):
        assert info("window.theme").choices == ("system", "light", "dark")
        assert info("queue.num_workers").choices == ()

    def test_a_checked_value_has_the_settings_type(self):
        assert isinstance(checked("crawl.delay_seconds", 1), float)


KEYS = ["queue.num_workers", "crawl.scope", "crawl.delay_seconds", "fetch.contact", "window.theme", "storage.library"]
VALUES = {
    "queue.num_workers": st.integers(1, 64),
    "crawl.scope": st.sampled_from(["host", "prefix", "domain"]),
    "crawl.delay_seconds": st.floats(0, 3600, allow_nan=False),
    "fetch.contact": st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=50),
    "window.theme": st.sampled_from(["system", "light", "dark"]),
    "storage.library": st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20).map("/".__add__),
}
CHANGES = st.lists(
    st.sampled_from(KEYS).flatmap(lambda key: st.tuples(st.just(key), st.none() | VALUES[key])), max_size=8
)
LINES = st.sampled_from(
    [
        "[queue]", "[crawl]", "[fetch]", "[window]", "[storage]", "# a comment", "", "#num_workers = 3",
        "num_workers = 4", "# scope = 'domain'", "scope = 'prefix' # why", "  delay_seconds = 1.0",
        "#delay_seconds = [", "contact = '''\n'''", "unknown = {a = 1}", "#theme = \"dark\"", "fetch.contact = 'x'",
        "[other]",
    ]
)  # fmt: skip


class TestWhateverStandsThere:
    @given(lines=st.lists(LINES, max_size=12), changes=CHANGES)
    def test_what_was_saved_is_read_and_the_rest_stays(self, lines, changes, tmp_path_factory):
        file = tmp_path_factory.getbasetemp() / "any-saved-settings.toml"
        text = "\n".join(lines)
        file.write_text(text, encoding="utf-8")
        try:
            expected = tomllib.loads(text)
        except ValueError:
            return
        for key, value in changes:
            save(file, {key: value})
            section, _, name = key.partition(".")
            table = expected.get(section, {})
            if value is not None:
                expected[section] = {**table, name: value}
            elif name in table:
                expected[section] = {other: kept for other, kept in table.items() if other != name}
        after = tomllib.loads(file.read_text(encoding="utf-8"))
        assert {name: table for name, table in after.items() if table} == {
            name: table for name, table in expected.items() if table
        }
        for line in lines:
            if line.startswith("# "):
                assert line.removeprefix("# ") in file.read_text(encoding="utf-8")

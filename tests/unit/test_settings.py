"""Settings: whatever stands in the file or the environment, the product starts and says what it did not understand."""

import tomllib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quaero_desktop.domain.pages import FetchLimits
from quaero_desktop.infra.settings.loading import load
from quaero_desktop.infra.settings.saving import render_defaults
from quaero_desktop.infra.settings.sections import Settings


@pytest.fixture
def write(tmp_path):
    """Write a settings file and load it with an environment."""
    path = tmp_path / "settings.toml"

    def write_and_load(content, **environ):
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(path, environ)

    return write_and_load


def message_of(loaded):
    """Return the one problem there is, without the path of the file."""
    (problem,) = loaded.problems
    return problem.message.rpartition("settings.toml")[2].removeprefix(", ")


class TestTheFile:
    def test_no_file_means_the_defaults(self, tmp_path):
        loaded = load(tmp_path / "missing" / "settings.toml", {})
        assert loaded.settings == Settings()
        assert loaded.problems == ()

    def test_an_empty_file_means_the_defaults(self, write):
        assert write("") == write("\n[queue]\n") == write("# nothing")

    def test_what_it_says_counts_and_the_rest_keeps_its_default(self, write):
        loaded = write('[queue]\nnum_workers = 8\n[fetch]\ncontact = "me@quaero"\ntotal_seconds = 5\n')
        assert loaded.problems == ()
        assert loaded.settings.queue.num_workers == 8
        assert loaded.settings.fetch.contact == "me@quaero"
        assert loaded.settings.fetch.total_seconds == 5.0
        assert loaded.settings.crawl == Settings().crawl

    def test_the_defaults_agree_with_those_of_the_fetcher(self):
        fetch, limits = Settings().fetch, FetchLimits()
        for name in ("total_seconds", "connect_seconds", "max_bytes", "max_ratio"):
            assert getattr(fetch, name) == getattr(limits, name)

    def test_a_byte_order_mark_and_windows_line_ends_are_fine(self, write):
        loaded = write(b"\xef\xbb\xbf[queue]\r\nnum_workers = 8\r\n")
        assert (loaded.settings.queue.num_workers, loaded.problems) == (8, ())


class TestABadValue:
    def test_is_named_with_its_line_and_costs_only_itself(self, write):
        loaded = write('# mine\n[queue]\nmax_attempts = 2\nnum_workers = "eight"\n')
        assert message_of(loaded) == (
            "line 4: queue.num_workers must be a whole number from 1 to 64, not “eight”; 5 is used."
        )
        assert (loaded.problems[0].key, loaded.problems[0].line) == ("queue.num_workers", 4)
        assert (loaded.settings.queue.num_workers, loaded.settings.queue.max_attempts) == (5, 2)

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[queue]\nnum_workers = 0", "a whole number from 1 to 64, not 0; 5 is used"),
            ("[queue]\nnum_workers = 2.5", "a whole number from 1 to 64, not 2.5; 5 is used"),
            ("[queue]\nnum_workers = true", "a whole number from 1 to 64, not true; 5 is used"),
            ("[queue]\nnum_workers = [1]", "not a list; 5 is used"),
            (f"[queue]\nnum_workers = 1{'0' * 4000}", "not a number that large; 5 is used"),
            ("[crawl]\ndelay_seconds = nan", "a number from 0 to 3600, not nan; 0.25 is used"),
            ("[crawl]\ndelay_seconds = -inf", "a number from 0 to 3600, not -inf; 0.25 is used"),
            ("[crawl]\ndelay_seconds = 2020-01-01", "not 2020-01-01; 0.25 is used"),
            ("[crawl]\nobey_robots = 1", "true or false, not 1; true is used"),
            ('[crawl]\nscope = "world"', 'host, prefix or domain, not “world”; "host" is used'),
            ('[log]\nlevel = "loud"', 'debug, info, warn or error, not “loud”; "info" is used'),
            (
                '[fetch]\nuser_agent = "a\\nX: b"',
                'plain ASCII text of at most 300 characters, not “a X: b”; "" is used',
            ),
            ('[fetch]\nuser_agent = "a\\n"', "plain ASCII text of at most 300 characters"),
            ("[queue.num_workers]\nx = 1", "not a section; 5 is used"),
        ],
    )
    def test_is_told_what_it_must_be(self, text, said, write):
        loaded = write(text)
        assert said in message_of(loaded)
        assert loaded.settings == Settings()

    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("queue.num_workers = 0", 1),
            ("\nqueue = { num_workers = 0 }", 2),
            ('["queue"]\n\n "num_workers" = 0', 3),
            ('[fetch]\ncontact = """\n[queue]\nnum_workers = 1"""\n[queue]\nnum_workers = 0', 6),
            ("[queue] # here\r\n#\r\nnum_workers = 0\r\n", 3),
            ("[queue]\nnum_workers = [\n  1,\n]", 2),
            ("[queue.num_workers]", 1),
        ],
    )
    def test_has_a_line_however_it_is_written(self, text, line, write):
        assert line in [problem.line for problem in write(text).problems if problem.key == "queue.num_workers"]

    def test_there_can_be_many_of_them(self, write):
        loaded = write('[queue]\nnum_workers = 0\n[log]\nlevel = 3\n[parse]\nmemory_mb = 2048\ntypo = ""\n')
        assert [problem.line for problem in loaded.problems] == [2, 4, 7]
        assert loaded.settings.parse.memory_mb == 2048


class TestAnUnknownName:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[queue]\nnum_worker = 8", "line 2: there is no setting queue.num_worker; did you mean num_workers?"),
            ("[queue]\nzzz = 8", "line 2: there is no setting queue.zzz; it is ignored."),
            ("[queue]\nmax_depth = 8", "line 2: there is no setting queue.max_depth; max_depth belongs under [crawl]."),
            ("[queues]\nnum_workers = 8", "line 1: there is no section [queues]; did you mean [queue]? It is ignored."),
            ("[plugins]\nx = 1", "line 1: there is no section [plugins]; it is ignored."),
            ("num_workers = 8", "line 1: num_workers belongs under [queue]; it is ignored."),
            ("queue = 8", "line 1: queue must be a section, [queue] with its keys below it; it is ignored."),
            ("[[queue]]\nnum_workers = 8", "line 1: queue must be a section"),
            ('[queue]\n"a\\nb\\u001b[2J" = 1', "line 2: there is no setting queue.a b [2J; it is ignored."),
        ],
    )
    def test_is_named_with_what_was_probably_meant(self, text, said, write):
        loaded = write(text)
        assert message_of(loaded).startswith(said)
        assert loaded.settings == Settings()


class TestAFileThatCannotBeUsed:
    @pytest.mark.parametrize(
        ("text", "line"),
        [("[queue]\nnum_workers = \n", 2), ("[queue]\n\nnum_workers", 3), ("a = 1\na = 2\n", 2), ('x = "abc', 1)],
    )
    def test_broken_toml_is_one_problem_with_its_line(self, text, line, write):
        loaded = write(text)
        assert message_of(loaded).startswith(f"line {line}: this is not valid TOML (")
        assert loaded.settings == Settings()

    @pytest.mark.parametrize("text", ["x = " + "[" * 30_000, f"x = 1{'0' * 5000}", "x = 2020-99-99"])
    def test_what_breaks_the_parser_itself_is_a_problem_too(self, text, write):
        assert "not valid TOML" in message_of(write(text))

    def test_the_environment_still_counts(self, write):
        assert write("[[[", QUAERO_QUEUE_NUM_WORKERS="8").settings.queue.num_workers == 8

    def test_text_that_is_not_utf8_is_named_with_its_line(self, write):
        assert message_of(write(b"[queue]\n# caf\xe9\n")).startswith("line 2: this is not UTF-8 text")
        assert message_of(write("[queue]".encode("utf-16"))).startswith("line 1: this is not UTF-8 text")

    def test_a_huge_file_is_not_read(self, write):
        assert "larger than 64 kB" in message_of(write(b"#" * 70_000))

    def test_what_cannot_be_read_is_named(self, tmp_path):
        loop = tmp_path / "settings.toml"
        loop.symlink_to(loop)
        for path in (loop, tmp_path):
            loaded = load(path, {})
            assert "cannot be read" in loaded.problems[0].message
            assert loaded.settings == Settings()


class TestTheEnvironment:
    def test_goes_before_the_file(self, write):
        loaded = write("[queue]\nnum_workers = 3\nmax_attempts = 9", QUAERO_QUEUE_NUM_WORKERS="8")
        assert (loaded.settings.queue.num_workers, loaded.settings.queue.max_attempts) == (8, 9)

    @pytest.mark.parametrize(
        ("variable", "text", "section", "key", "value"),
        [
            ("QUAERO_STORAGE_ALLOW_NETWORK_FOLDER", "1", "storage", "allow_network_folder", True),
            ("QUAERO_STORAGE_ALLOW_NETWORK_FOLDER", "Yes", "storage", "allow_network_folder", True),
            ("QUAERO_CRAWL_OBEY_ROBOTS", "off", "crawl", "obey_robots", False),
            ("QUAERO_CRAWL_DELAY_SECONDS", " 0.5 ", "crawl", "delay_seconds", 0.5),
            ("QUAERO_CRAWL_SCOPE", "prefix", "crawl", "scope", "prefix"),
            ("QUAERO_FETCH_USER_AGENT", "8", "fetch", "user_agent", "8"),
        ],
    )
    def test_is_text_for_every_kind_of_value(self, variable, text, section, key, value, write):
        loaded = write("", **{variable: text})
        assert loaded.problems == ()
        assert getattr(getattr(loaded.settings, section), key) == value

    def test_a_bad_value_is_named_and_the_files_value_is_kept(self, write):
        loaded = write("[queue]\nnum_workers = 3", QUAERO_QUEUE_NUM_WORKERS="many")
        assert message_of(loaded) == (
            "Environment: QUAERO_QUEUE_NUM_WORKERS must be a whole number from 1 to 64, not “many”; 3 is used."
        )
        assert loaded.settings.queue.num_workers == 3

    def test_an_empty_variable_is_as_good_as_none(self, write):
        assert write("", QUAERO_QUEUE_NUM_WORKERS="").problems == ()

    @pytest.mark.parametrize(
        ("variable", "said"),
        [
            ("QUAERO_QUEUE_NUM_WORKER", "did you mean QUAERO_QUEUE_NUM_WORKERS?"),
            ("QUAERO_QUEU_NUM_WORKERS", "did you mean QUAERO_QUEUE_NUM_WORKERS?"),
            ("QUAERO_QUEUE_ZZZ", "there is no setting QUAERO_QUEUE_ZZZ; it is ignored."),
        ],
    )
    def test_a_misspelt_variable_is_named(self, variable, said, write):
        assert said in message_of(write("", **{variable: "8"}))

    @pytest.mark.parametrize("variable", ["QUAERO_LIBRARY", "QUAERO_CONFIG", "QUAERO_SOMETHING_ELSE", "HOME"])
    def test_variables_of_others_are_left_alone(self, variable, write):
        assert write("", **{variable: "/somewhere"}).problems == ()


class TestAList:
    def test_replaces_the_default(self, write):
        loaded = write('[crawl]\ntracking_parameters = ["gclid", "x_*"]\n')
        assert (loaded.settings.crawl.tracking_parameters, loaded.problems) == (("gclid", "x_*"), ())

    def test_may_be_empty(self, write):
        assert write("[crawl]\ntracking_parameters = []\n").settings.crawl.tracking_parameters == ()

    def test_comes_from_the_environment_as_words(self, write):
        loaded = write("", QUAERO_CRAWL_TRACKING_PARAMETERS="gclid, x_* fbclid")
        assert loaded.settings.crawl.tracking_parameters == ("gclid", "x_*", "fbclid")

    @pytest.mark.parametrize("value", ['"gclid"', "[1]", '[""]', '["a b"]', '["*"]', '["a=b"]', "7", "{}"])
    def test_that_cannot_be_used_leaves_the_default(self, write, value):
        loaded = write(f"[crawl]\ntracking_parameters = {value}\n")
        assert loaded.settings.crawl.tracking_parameters == Settings().crawl.tracking_parameters
        assert message_of(loaded).startswith("line 2: crawl.tracking_parameters must be a list of names like gclid")
        assert message_of(loaded).endswith("; the default is used.")

    def test_of_the_environment_that_cannot_be_used_leaves_the_file_in_force(self, write):
        loaded = write('[crawl]\ntracking_parameters = ["gclid"]\n', QUAERO_CRAWL_TRACKING_PARAMETERS="a=b")
        assert loaded.settings.crawl.tracking_parameters == ("gclid",)
        assert loaded.problems[0].message.endswith("; the file's is used.")


class TestTheExample:
    def test_it_names_every_key_with_its_default(self):
        uncommented = "\n".join(
            line.removeprefix("#") for line in render_defaults().splitlines() if not line.startswith("# ")
        )
        assert tomllib.loads(uncommented) == msgspec.json.decode(msgspec.json.encode(Settings()))

    def test_it_changes_nothing_as_it_is(self, write):
        loaded = write(render_defaults())
        assert (loaded.settings, loaded.problems) == (Settings(), ())

    def test_every_key_is_explained(self):
        lines = render_defaults().splitlines()
        for number, line in enumerate(lines):
            if line.startswith("#") and not line.startswith("# "):
                assert lines[number - 1].startswith("# ")
                assert lines[number - 1].endswith(".")


SECTIONS = st.sampled_from(["queue", "crawl", "fetch", "parse", "storage", "log", "other"])
KEYS = st.sampled_from(["num_workers", "scope", "delay_seconds", "level", "obey_robots", "user_agent", "x y"])
VALUES = st.sampled_from(
    ["1", "-1", "1.5", "nan", "true", '"host"', "'''\n'''", "[]", "[\n1]", "{a = 1}", "1979-05-27", "", "0x_", "1e999"]
)
STATEMENTS = st.one_of(
    st.builds("[{}]".format, SECTIONS),
    st.builds("[[{}]]".format, SECTIONS),
    st.builds('"{}" = {}'.format, KEYS, VALUES),
    st.builds("{}.{} = {}".format, SECTIONS, KEYS.filter(str.isidentifier), VALUES),
    st.text(max_size=20),
)


class TestWhateverStandsThere:
    @given(content=st.one_of(st.binary(max_size=200), st.lists(STATEMENTS, max_size=8).map("\n".join).map(str.encode)))
    def test_the_file_never_raises_and_a_silent_one_is_understood(self, content, tmp_path_factory):
        path = tmp_path_factory.getbasetemp() / "any-settings.toml"
        path.write_bytes(content)
        loaded = load(path, {})
        assert msgspec.convert(msgspec.to_builtins(loaded.settings), Settings) == loaded.settings
        assert all(problem.message.startswith(str(path)) for problem in loaded.problems)
        if not loaded.problems:
            tomllib.loads(content.decode("utf-8-sig"))

    @given(
        environ=st.dictionaries(
            st.sampled_from(["QUAERO_QUEUE_NUM_WORKERS", "QUAERO_CRAWL_SCOPE", "QUAERO_CRAWL_DELAY_SECONDS", "QUAERO_"])
            | st.text().map("QUAERO_".__add__),
            st.text(),
        )
    )
    def test_the_environment_never_raises(self, environ, tmp_path_factory):
        loaded = load(tmp_path_factory.getbasetemp() / "no-settings.toml", environ)
        assert msgspec.convert(msgspec.to_builtins(loaded.settings), Settings) == loaded.settings

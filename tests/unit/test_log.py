"""Diagnostics: readable lines, and no secret in any of them."""

import io
import logging
import sys

import pytest

from quaero_desktop.domain.errors import LibraryError
from quaero_desktop.infra.log import RedactingFilter, configure
from quaero_desktop.infra.redact import Redactor

SECRET = "hunter2-hunter2"
logger = logging.getLogger("quaero_desktop.test")


@pytest.fixture
def redactor():
    redactor = Redactor()
    redactor.add(SECRET)
    return redactor


@pytest.fixture
def log(redactor):
    """Diagnostics that go to a text; reading it gives all that was written."""
    stream = io.StringIO()
    with configure("info", redactor=redactor, stream=stream):
        yield stream.getvalue


class Collector(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record):
        self.records.append(record)


class UnprintableError(Exception):
    def __str__(self):
        raise RuntimeError(SECRET)


class TestRedaction:
    def test_a_message_and_its_arguments(self, log):
        logger.info(f"with {SECRET}")  # noqa: G004 - what a careless line would do
        logger.info("with %s and %r", SECRET, {"token": "an-unknown-one"})
        assert "with ••••ter2" in log()
        assert SECRET not in log()
        assert "an-unknown-one" not in log()

    def test_a_secret_in_two_halves_of_the_message(self, log):
        logger.info("hunter2-%s", "hunter2")
        assert SECRET not in log()

    def test_a_traceback_with_its_causes(self, log):
        try:
            try:
                raise ValueError(f"inner {SECRET}")
            except ValueError as error:
                raise RuntimeError(f"outer {SECRET}") from error
        except RuntimeError:
            logger.exception("failed", stack_info=True)
        assert "Traceback" in log()
        assert "inner ••••ter2" in log()
        assert "outer ••••ter2" in log()
        assert SECRET not in log()

    def test_a_handler_that_comes_later_gets_no_more(self, log, redactor):
        later = Collector()
        logging.getLogger().addHandler(later)
        try:
            try:
                raise ValueError(SECRET)
            except ValueError:
                logger.exception("failed %s", SECRET)
        finally:
            logging.getLogger().removeHandler(later)
        (record,) = later.records
        assert SECRET not in record.getMessage()
        assert SECRET not in str(record.exc_text)
        assert record.exc_info is None

    def test_arguments_that_do_not_fit_are_no_way_out(self, log, capsys):
        logger.info("one %s", SECRET, "two")  # noqa: PLE1205 - what a careless line would do
        logger.info("%d", SECRET)
        assert log().count("do not fit") == 2
        assert SECRET not in log() + "".join(capsys.readouterr())

    def test_an_exception_that_cannot_be_printed(self, log):
        try:
            raise UnprintableError
        except UnprintableError as error:
            logger.exception("failed")
            logger.info("said %s", error)
        assert "failed" in log()
        assert SECRET not in log()

    def test_a_secret_that_is_learned_later(self, log, redactor):
        redactor.add("another-secret")
        logger.info("another-secret")
        assert "another-secret" not in log()

    def test_the_filter_alone_serves_other_handlers(self, redactor):
        record = logging.LogRecord("x", logging.INFO, "", 0, "a %s", (SECRET,), None)
        assert RedactingFilter(redactor).filter(record)
        assert record.getMessage() == "a ••••ter2"


class TestLines:
    def test_a_line_has_its_time_in_utc_its_level_and_its_logger(self, log):
        logger.handle(
            logging.makeLogRecord(
                {"created": 0.25, "msecs": 250.0, "msg": "hello", "levelname": "INFO", "levelno": 20, "name": "quaero"}
            )
        )
        assert log() == "1970-01-01T00:00:00.250Z INFO    quaero: hello\n"

    def test_text_from_the_web_forges_no_line_and_commands_no_terminal(self, log):
        logger.info("title %s", "a\n2030-01-01 ERROR all is lost\x1b[2J\u202egpj")
        assert log().count("\n") == 1
        assert "\x1b" not in log()
        assert r"a\n2030" in log()

    def test_less_important_messages_are_left_out(self, log):
        logger.debug("not this")
        logger.warning("but this")
        assert "not this" not in log()
        assert "but this" in log()

    def test_libraries_that_tell_of_every_statement_are_quiet_even_when_debugging(self, redactor):
        stream = io.StringIO()
        with configure("debug", redactor=redactor, stream=stream):
            logging.getLogger("aiosqlite").debug("executing insert")
            logging.getLogger("asyncio").info("Using selector")
            logging.getLogger("asyncio").error("never retrieved")
            logger.debug("ours")
        assert "ours" in stream.getvalue()
        assert "never retrieved" in stream.getvalue()
        assert "insert" not in stream.getvalue()
        assert "selector" not in stream.getvalue()


class TestSettingUp:
    def test_closing_leaves_logging_as_it_was(self, redactor, tmp_path):
        root = logging.getLogger()
        before = (root.level, list(root.handlers))
        diagnostics = configure("debug", redactor=redactor, stream=io.StringIO(), file=tmp_path / "quaero.log")
        assert (root.level, list(root.handlers)) != before
        diagnostics.close()
        diagnostics.close()
        assert (root.level, list(root.handlers)) == before

    def test_stderr_is_where_it_goes_by_itself(self, redactor, capsys):
        with configure("info", redactor=redactor):
            logger.info("hello")
        captured = capsys.readouterr()
        assert "hello" in captured.err
        assert captured.out == ""

    def test_a_windowed_program_has_no_stderr(self, redactor, monkeypatch, tmp_path):
        monkeypatch.setattr(sys, "stderr", None)
        with configure("info", redactor=redactor, file=tmp_path / "quaero.log"):
            logger.info("hello")
        assert "hello" in (tmp_path / "quaero.log").read_text(encoding="utf-8")


class TestTheFile:
    def test_it_is_private_and_in_a_private_folder(self, redactor, tmp_path):
        file = tmp_path / "logs" / "quaero.log"
        with configure("info", redactor=redactor, stream=io.StringIO(), file=file):
            logger.info("with %s and \ud800", SECRET)
        assert "with ••••ter2" in file.read_text(encoding="utf-8")
        if sys.platform != "win32":
            assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)

    def test_it_goes_on_where_it_was_and_rotates_when_it_is_large(self, redactor, tmp_path):
        file = tmp_path / "quaero.log"
        for _ in range(2):
            with configure("info", redactor=redactor, stream=io.StringIO(), file=file):
                for _ in range(11):
                    logger.info("x" * 100_000)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["quaero.log", "quaero.log.1"]
        if sys.platform != "win32":
            assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}

    def test_a_folder_that_cannot_be_is_a_clear_error_and_changes_nothing(self, redactor, tmp_path):
        (tmp_path / "logs").write_text("a file")
        before = list(logging.getLogger().handlers)
        with pytest.raises(LibraryError):
            configure("info", redactor=redactor, file=tmp_path / "logs" / "quaero.log")
        assert logging.getLogger().handlers == before

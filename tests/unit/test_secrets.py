"""Secrets lie in the keyring of the operating system, or else in memory: never in a file of ours (J8)."""

import asyncio
import io
import logging
import threading

import keyring.backends.fail
import keyring.backends.null
import pytest
from keyring.backends.chainer import ChainerBackend
from keyring.compat import properties
from keyring.errors import KeyringLocked

from quaero_desktop.domain.errors import SecretError
from quaero_desktop.domain.secrets import Bearer, encode
from quaero_desktop.infra import log, secrets
from quaero_desktop.infra.redact import Redactor, redact
from quaero_desktop.infra.secrets import SERVICE, SecretStore
from tests.support import fake_keyring
from tests.support.fake_keyring import FakeKeyring
from tests.support.waiting import until

TOKEN = "s3cr3t-Token.9x"
SECRET = encode(Bearer(token=TOKEN))


@pytest.fixture
def backend(monkeypatch) -> FakeKeyring:
    return fake_keyring.use(monkeypatch)


@pytest.fixture
def stores():
    """Make as many stores as it takes; each forgets all when the test is over."""
    made: list[SecretStore] = []

    def make(**options) -> SecretStore:
        made.append(SecretStore(**options))
        return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(stores) -> SecretStore:
    return stores()


def test_a_secret_goes_to_the_keyring_and_comes_back(backend, store, stores):
    assert store.kept
    assert store.put("credential-1", SECRET) is True
    assert backend.entries == {(SERVICE, "credential-1"): SECRET}
    assert stores().get("credential-1") == SECRET
    store.delete("credential-1")
    assert backend.entries == {}
    assert store.get("credential-1") is None
    store.delete("credential-1")


def test_the_keyring_is_asked_once(backend, store):
    backend.entries[SERVICE, "x"] = SECRET
    assert store.get("x") == store.get("x") == SECRET
    assert backend.asked == 1


def test_what_is_for_memory_never_reaches_the_keyring(backend, store):
    assert store.put("memory:3", SECRET) is False
    assert store.get("memory:3") == SECRET
    assert store.get("memory:4") is None
    store.delete("memory:3")
    assert (backend.entries, backend.asked) == ({}, 0)


class Plaintext(FakeKeyring):
    """A keyring that is a readable file; keyrings.alt has one of that name."""


Plaintext.__module__ = "keyrings.alt.file"


class PlaintextOfSomebody(FakeKeyring):
    """One of somebody else."""


class NotRecommended(FakeKeyring):
    """One that its own authors advise against."""

    @properties.classproperty
    def priority(self) -> float:
        return 0.5


class Chain(ChainerBackend):
    backends = [Plaintext(), FakeKeyring()]  # noqa: RUF012 - as keyring's own has it


@pytest.mark.parametrize(
    "unusable",
    [
        keyring.backends.fail.Keyring(),
        keyring.backends.null.Keyring(),
        Plaintext(),
        PlaintextOfSomebody(),
        NotRecommended(),
    ],
    ids=lambda each: type(each).__name__,
)
def test_without_a_keyring_that_is_safe_a_secret_stays_in_memory(monkeypatch, store, stores, unusable):
    fake_keyring.use(monkeypatch, unusable)
    assert not store.kept
    assert store.put("x", SECRET) is False
    assert store.get("x") == SECRET
    assert stores().get("x") is None
    assert getattr(unusable, "entries", {}) == {}
    assert "only in memory" in store.place


def test_of_several_keyrings_a_safe_one_is_used(monkeypatch, store):
    fake_keyring.use(monkeypatch, Chain())
    assert store.put("x", SECRET) is True
    assert Chain.backends[0].entries == {}
    assert Chain.backends[1].entries == {(SERVICE, "x"): SECRET}


def test_a_keyring_that_is_set_up_wrongly_is_none(monkeypatch, store):
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.module.Keyring")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    assert not store.kept
    assert store.put("x", SECRET) is False


def test_a_keyring_that_is_locked_says_so_and_keeps_nothing_half(backend, store):
    backend.trouble = KeyringLocked(f"no {TOKEN}")
    with pytest.raises(SecretError) as raised:
        store.get("x")
    assert TOKEN not in str(raised.value)
    assert raised.value.__cause__ is None
    assert store.put("x", SECRET) is False
    assert store.get("x") == SECRET


class TestPieces:
    """The keyring of Windows takes no long entry, and the cookies of a session are long."""

    def test_a_long_secret_is_kept_in_pieces(self, backend, stores):
        backend.most = 20
        store = stores(piece=10)
        text = "".join(map(str, range(40)))
        assert store.put("x", text) is True
        assert all(len(entry) <= 20 for entry in backend.entries.values())
        assert stores(piece=10).get("x") == text
        store.put("x", text[:15])
        assert stores(piece=10).get("x") == text[:15]
        assert len(backend.entries) == 3
        store.put("x", "short")
        assert backend.entries == {(SERVICE, "x"): "short"}
        store.put("x", text)
        store.delete("x")
        assert backend.entries == {}

    def test_a_secret_with_a_piece_missing_is_none(self, backend, stores):
        store = stores(piece=10)
        store.put("x", "0123456789abcdef")
        del backend.entries[SERVICE, "x:2"]
        assert stores(piece=10).get("x") is None


class TestMasking:
    def test_a_secret_at_hand_is_masked_wherever_it_stands(self, backend, store):
        backend.entries[SERVICE, "x"] = SECRET
        text = f"look: {TOKEN} and {SECRET!r} and %22s3cr3t-Token.9x%22"
        assert TOKEN in text
        assert redact("nothing at all") == "nothing at all"
        store.get("x")
        assert TOKEN not in redact(text)
        assert "••••n.9x" in redact(f"look: {TOKEN}")

    def test_the_secret_before_is_masked_as_well(self, store):
        store.put("memory:1", SECRET)
        store.put("memory:1", encode(Bearer(token="another-Token.2")))
        assert TOKEN not in redact(TOKEN)
        assert "another-Token.2" not in redact("another-Token.2")

    def test_after_the_end_nothing_is_remembered(self, store):
        store.put("memory:1", SECRET)
        store.put("memory:1", SECRET)
        store.close()
        assert redact(f"so {TOKEN}") == f"so {TOKEN}"
        assert store.known("memory:1") is None

    def test_it_does_not_show_itself(self, store):
        store.put("memory:1", SECRET)
        assert TOKEN not in repr(store) + str(store)

    def test_no_log_line_and_no_traceback_shows_it(self, store, tmp_path):
        stream = io.StringIO()
        file = tmp_path / "quaero.log"
        with log.configure("debug", redactor=Redactor(), stream=stream, file=file):
            store.put("memory:1", SECRET)
            try:
                raise ValueError(f"cannot send {TOKEN}")
            except ValueError:
                logging.getLogger("any").exception("it failed with %s", {"header": TOKEN})
        assert "Traceback" in stream.getvalue()
        assert "••••n.9x" in stream.getvalue()
        assert TOKEN not in stream.getvalue() + file.read_text(encoding="utf-8")

    def test_the_log_of_a_refusal_holds_no_secret(self, backend, store, caplog):
        backend.trouble = ValueError("The stub received bad data")
        with caplog.at_level(logging.DEBUG):
            store.put("x", SECRET)
        assert TOKEN not in caplog.text


class TestOnAnEventLoop:
    async def test_the_loop_never_waits_for_the_keyring(self, backend, store):
        waiting, unlocked = threading.Event(), threading.Event()

        def unlock() -> None:
            waiting.set()
            assert unlocked.wait(5)

        backend._complain = unlock
        backend.entries[SERVICE, "x"] = SECRET
        task = asyncio.create_task(store.fetch("x"))
        await until(waiting.is_set)
        assert not task.done()
        unlocked.set()
        assert await task == SECRET

    async def test_keeping_and_dropping(self, backend, store):
        assert await store.is_kept()
        assert "keyring of this computer" in await store.where()
        assert await store.keep("x", SECRET) is True
        await store.drop("x")
        assert await store.fetch("x") is None
        assert backend.entries == {}

    async def test_a_keyring_that_does_not_answer_is_given_up(self, backend, store, monkeypatch):
        monkeypatch.setattr(secrets, "_PATIENCE_SECONDS", 0.01)
        unlocked = threading.Event()
        backend._complain = lambda: unlocked.wait(5)
        with pytest.raises(SecretError, match="not answered"):
            await store.fetch("x")
        unlocked.set()

    async def test_a_refusal_reaches_the_caller(self, backend, store):
        backend.trouble = KeyringLocked("no")
        with pytest.raises(SecretError):
            await store.fetch("x")

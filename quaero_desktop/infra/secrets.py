"""Where secrets are kept: in the keyring of the operating system, or else in the memory of this process (J8).

Never in a file of ours, and never in a keyring that is a readable file. Every secret that passes through here is masked
from then on wherever this process shows or logs something.
"""

import asyncio
import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from quaero_desktop.domain.credentials import MEMORY_KEY
from quaero_desktop.domain.errors import SecretError
from quaero_desktop.domain.secrets import Secret as Secret  # what is kept is handed around in it
from quaero_desktop.domain.secrets import secret_parts
from quaero_desktop.infra import redact

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

_log = logging.getLogger(__name__)

T = TypeVar("T")

SERVICE = "Quaero Desktop"
"""What the entries are called in the keyring."""

_PATIENCE_SECONDS = 120.0
"""How long a keyring may take: the person may have to unlock it first."""

_PIECE = 1_000 if sys.platform == "win32" else None
"""The most characters of one entry. The Credential Manager of Windows takes 2,560 bytes of UTF-16, and the cookies of a
session are often more: https://github.com/jaraco/keyring/issues/355."""
_PIECES = "quaero-pieces:"


class SecretStore:
    """Keeps secrets by name. Safe to use from any thread.

    The plain methods wait for the keyring, which may ask the person to unlock it; on an event loop the asynchronous
    ones are to be used, which do the same on a thread of their own.

    Args:
        piece: the most characters of one entry of the keyring; None for any number.
    """

    def __init__(self, *, piece: int | None = _PIECE) -> None:
        self._piece = piece
        self._memory: dict[str, str] = {}
        self._masked: dict[str, tuple[str, ...]] = {}
        self._lock = threading.RLock()
        self._asking = threading.RLock()
        self._backend: KeyringBackend | None = None
        self._looked = False
        self._why = ""

    def __repr__(self) -> str:
        return "SecretStore(••••)"

    @property
    def kept(self) -> bool:
        """Whether there is a keyring; without one, secrets are forgotten when this process ends."""
        return self._keyring() is not None

    @property
    def place(self) -> str:
        """Where secrets are kept, as the end of a sentence."""
        backend = self._keyring()
        if backend is None:
            return f"only in memory, until Quaero ends, and asked for at each start ({self._why})"
        return f"in the keyring of this computer ({_name_of(backend)})"

    def known(self, key: str) -> str | None:
        """Return a secret that is at hand, without asking the keyring."""
        with self._lock:
            return self._memory.get(key)

    def get(self, key: str) -> str | None:
        """Return a secret, or None when there is none of that name.

        Raises:
            SecretError: the keyring does not give it.
        """
        if (text := self.known(key)) is not None:
            return text
        if key.startswith(MEMORY_KEY):
            return None
        backend = self._keyring()
        if backend is None:
            return None
        with self._asking:
            found = self._ask(lambda: self._read(backend, key))
        if found is not None:
            self._remember(key, found)
        return found

    def put(self, key: str, text: str) -> bool:
        """Keep a secret, in the place of the one before.

        Returns:
            Whether it lies in the keyring. Else this process remembers it: there is no keyring, or it refused.
        """
        self._remember(key, text)
        if key.startswith(MEMORY_KEY):
            return False
        backend = self._keyring()
        if backend is None:
            return False
        try:
            with self._asking:
                self._ask(lambda: self._write(backend, key, text))
        except SecretError as error:
            _log.warning("a secret is kept in memory only: %s", error.message)
            return False
        return True

    def lend(self, key: str, text: str) -> None:
        """Use *text* as a secret in this process only, whatever the keyring has."""
        self._remember(key, text)

    def delete(self, key: str) -> None:
        """Forget a secret, in the keyring too. There need not be one.

        Raises:
            SecretError: the keyring does not delete it; this process has forgotten it.
        """
        self.forget(key)
        backend = None if key.startswith(MEMORY_KEY) else self._keyring()
        if backend is not None:
            with self._asking:
                self._ask(lambda: self._remove(backend, key))

    def forget(self, key: str) -> None:
        """Forget a secret in this process only. What it was is masked as before: it may still be valid."""
        with self._lock:
            self._memory.pop(key, None)

    # The same for who must not wait.

    async def fetch(self, key: str) -> str | None:
        """Do as :meth:`get` does, on a thread."""
        if (text := self.known(key)) is not None or key.startswith(MEMORY_KEY):
            return text
        return await _on_thread(lambda: self.get(key))

    async def keep(self, key: str, text: str) -> bool:
        """Do as :meth:`put` does, on a thread."""
        if key.startswith(MEMORY_KEY):
            return self.put(key, text)
        return await _on_thread(lambda: self.put(key, text))

    async def drop(self, key: str) -> None:
        """Do as :meth:`delete` does, on a thread."""
        if key.startswith(MEMORY_KEY):
            return self.delete(key)
        return await _on_thread(lambda: self.delete(key))

    async def is_kept(self) -> bool:
        """Return :attr:`kept`; looking for a keyring takes a third of a second."""
        return self.kept if self._looked else await _on_thread(lambda: self.kept)

    async def where(self) -> str:
        """Return :attr:`place`."""
        return self.place if self._looked else await _on_thread(lambda: self.place)

    def close(self) -> None:
        """Forget all secrets in this process."""
        with self._lock:
            self._memory.clear()
            masked, self._masked = self._masked, {}
        for parts in masked.values():
            for part in parts:
                redact.known.remove(part)

    def _remember(self, key: str, text: str) -> None:
        parts = secret_parts(text)
        for part in parts:
            redact.known.add(part)
        with self._lock:
            self._memory[key] = text
            # By its text: of one name, the old secret is a secret still.
            before = self._masked.get(text)
            self._masked[text] = parts
        for part in before or ():
            redact.known.remove(part)

    # The keyring itself.

    def _keyring(self) -> "KeyringBackend | None":
        with self._asking:
            if not self._looked:
                self._backend, self._why = _usable_keyring()
                self._looked = True
            return self._backend

    def _ask(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except Exception as error:
            # Backends raise whatever the D-Bus or the system raises; and no message of theirs is for a person.
            _log.info("the keyring refused", exc_info=True)
            raise SecretError(
                f"The keyring of this computer does not answer as it should ({type(error).__name__}).",
                "Unlock it, and try again.",
            ) from None

    def _read(self, backend: "KeyringBackend", key: str) -> str | None:
        found = backend.get_password(SERVICE, key)
        if found is None or not found.startswith(_PIECES):
            return found
        pieces = [backend.get_password(SERVICE, f"{key}:{number}") for number in _numbers(found)]
        return None if None in pieces else "".join(filter(None, pieces))

    def _write(self, backend: "KeyringBackend", key: str, text: str) -> None:
        before = _numbers(backend.get_password(SERVICE, key))
        size = self._piece or len(text)
        pieces = [text[start : start + size] for start in range(0, len(text), size)] if len(text) > size else []
        for number, piece in enumerate(pieces, 1):
            backend.set_password(SERVICE, f"{key}:{number}", piece)
        backend.set_password(SERVICE, key, f"{_PIECES}{len(pieces)}" if pieces else text)
        self._remove_pieces(backend, key, [number for number in before if number > len(pieces)])

    def _remove(self, backend: "KeyringBackend", key: str) -> None:
        found = backend.get_password(SERVICE, key)
        if found is not None:
            backend.delete_password(SERVICE, key)
            self._remove_pieces(backend, key, _numbers(found))

    def _remove_pieces(self, backend: "KeyringBackend", key: str, numbers: "range | list[int]") -> None:
        for number in numbers:
            # A piece that is gone already is what is wanted.
            with contextlib.suppress(Exception):
                backend.delete_password(SERVICE, f"{key}:{number}")


def _numbers(entry: str | None) -> range:
    """Return the numbers of the pieces that an entry of the keyring stands for."""
    count = (entry or "").removeprefix(_PIECES) if (entry or "").startswith(_PIECES) else ""
    return range(1, int(count) + 1) if count.isdigit() and len(count) < 5 else range(1, 1)


def _usable_keyring() -> "tuple[KeyringBackend | None, str]":
    """Return the keyring to use, or why there is none."""
    try:
        # Imported by need: it takes 0.2 s, and only who has a credential needs it.
        import keyring
        from keyring.backends.chainer import ChainerBackend

        found = keyring.get_keyring()
        candidates = list(found.backends) if isinstance(found, ChainerBackend) else [found]
    except Exception:
        _log.info("no keyring can be loaded", exc_info=True)
        return None, "no keyring can be loaded"
    for backend in candidates:
        if _is_safe(backend):
            return backend, ""
    if any(not _is_none(backend) for backend in candidates):
        return None, "the keyring that is set up keeps secrets in a readable file"
    return None, "there is no keyring here"


def _is_safe(backend: "KeyringBackend") -> bool:
    """Return whether a keyring keeps secrets, and keeps them from others."""
    kind = type(backend)
    if _is_none(backend) or kind.__module__.split(".")[:2] == ["keyrings", "alt"] or "plain" in kind.__name__.lower():
        return False
    # What its own authors do not recommend is no place for a secret.
    return float(kind.priority) >= 1


def _is_none(backend: "KeyringBackend") -> bool:
    return type(backend).__module__ in ("keyring.backends.fail", "keyring.backends.null")


def _name_of(backend: "KeyringBackend") -> str:
    return type(backend).__module__.rpartition(".")[2]


async def _on_thread(work: Callable[[], T]) -> T:
    """Run *work* on a thread of its own, which ends with it; nobody can end it sooner when the caller goes."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result: T | None = None
        error: BaseException | None = None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        # The loop is closed when nobody waited for this long enough.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    # A daemon: a keyring that waits for a person must not keep the process from ending.
    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            return await done
    except TimeoutError:
        raise SecretError(
            f"The keyring of this computer has not answered for {_PATIENCE_SECONDS:g} seconds.",
            "Unlock it, and try again.",
        ) from None

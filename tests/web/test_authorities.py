"""aiohttp is imported without reading the authorities of the system, and whoever asks for them later has them."""

import ssl
import threading

import pytest

from quaero_desktop.web.authorities import without_authorities


def test_a_context_made_meanwhile_trusts_nobody() -> None:
    with without_authorities():
        context = ssl.create_default_context()

    assert context.cert_store_stats()["x509_ca"] == 0
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_the_system_is_asked_again_afterwards() -> None:
    methods = (ssl.SSLContext.load_default_certs, ssl.SSLContext.set_default_verify_paths)

    with without_authorities():
        assert (ssl.SSLContext.load_default_certs, ssl.SSLContext.set_default_verify_paths) != methods

    assert (ssl.SSLContext.load_default_certs, ssl.SSLContext.set_default_verify_paths) == methods


def test_another_thread_has_them_all_the_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The window imports what crawls beside all else that it does."""
    asked: list[str] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: asked.append(threading.current_thread().name))

    with without_authorities():
        ssl.create_default_context()
        other = threading.Thread(target=ssl.create_default_context, name="other")
        other.start()
        other.join()

    assert asked == ["other"]


def test_nothing_of_it_stays_behind() -> None:
    before = dict(vars(ssl.SSLContext))

    with without_authorities():
        assert dict(vars(ssl.SSLContext)) != before

    assert dict(vars(ssl.SSLContext)) == before


def test_an_error_does_not_leave_it_behind() -> None:
    before = ssl.SSLContext.load_default_certs

    with pytest.raises(OSError, match="aiohttp"), without_authorities():
        raise OSError("aiohttp is missing")

    assert ssl.SSLContext.load_default_certs is before

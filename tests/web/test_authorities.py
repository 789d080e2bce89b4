"""aiohttp is imported without reading the authorities of the system, and whoever asks for them later has them."""

import ssl

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


def test_an_error_does_not_leave_it_behind() -> None:
    before = ssl.SSLContext.load_default_certs

    with pytest.raises(OSError, match="aiohttp"), without_authorities():
        raise OSError("aiohttp is missing")

    assert ssl.SSLContext.load_default_certs is before

"""The window as a process of its own: ended from outside, killed, started twice."""

import signal
import time
from collections.abc import Iterator

import pytest

from tests.e2e.quaero import QuaeroLibrary, Running, wait_until
from tests.support.site import GeneratedSite, serving

STOP_SECONDS = 10.0
"""Three are promised on a machine that has nothing else to do."""


@pytest.fixture
def site() -> Iterator[GeneratedSite]:
    with serving(GeneratedSite(pages=60, latency=0.02)) as running:
        yield running


@pytest.fixture
def window(library: QuaeroLibrary, site: GeneratedSite) -> Iterator[Running]:
    """The window over a new library, in the middle of a crawl that its command line named."""
    library.environment = {"QT_QPA_PLATFORM": "offscreen", "QUAERO_CRAWL_LOCAL_DELAY_SECONDS": "0"}
    with library.running(site.url) as running:
        wait_until(lambda: sum(site.counts.values()) > 5 or running.ended, "it crawls")
        assert not running.ended, running.wait()
        yield running


def goes_on(library: QuaeroLibrary, site: GeneratedSite) -> None:
    library.finish()
    assert library.document_urls() == sorted(site.page_urls)
    library.verify()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(
    library: QuaeroLibrary, site: GeneratedSite, window: Running, number: signal.Signals
) -> None:
    asked = time.monotonic()
    window.send(number)
    ended = window.wait()
    assert time.monotonic() - asked < STOP_SECONDS
    assert (ended.code, ended.stdout) == (0, "")
    assert "Traceback" not in ended.stderr
    window.wait_for_the_group()
    assert library.rows("SELECT id FROM messages WHERE state = 'leased'") == []
    goes_on(library, site)


def test_killed_it_loses_nothing(library: QuaeroLibrary, site: GeneratedSite, window: Running) -> None:
    window.kill()
    window.wait_for_the_group()
    goes_on(library, site)


def test_a_parse_process_that_dies_is_replaced_and_the_stop_is_clean(
    library: QuaeroLibrary, site: GeneratedSite, window: Running
) -> None:
    for process in window.group():
        if process.pid != window.pid:
            process.kill()
    window.send(signal.SIGTERM)
    assert window.wait().code == 0
    window.wait_for_the_group()
    goes_on(library, site)


def test_a_second_start_hands_over_and_ends(library: QuaeroLibrary, site: GeneratedSite, window: Running) -> None:
    before = site.counts["/"]
    second = library.run(f"{site.url}?again")
    assert (second.code, second.stdout) == (0, "")
    wait_until(lambda: site.counts["/?again"] > 0 or site.counts["/"] > before, "the first window crawls it too")
    assert not window.ended
    window.send(signal.SIGTERM)
    assert window.wait().code == 0

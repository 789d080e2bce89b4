"""The hosts of the library, for a list to choose from."""

from quaero_desktop.services.compose import Services
from tests.support.documents import store


async def test_each_host_is_there_once_whatever_its_scheme_and_with_an_unusual_port(services: Services) -> None:
    assert await services.library.hosts() == []

    await store(
        services,
        {
            "https://b.test/": "one",
            "http://b.test/x": "two",
            "https://a.test:8443/x?y=/z": "three",
            "https://a.test/": "four",
            "https://a.test0/": "five",
        },
    )

    hosts = await services.library.hosts()
    assert hosts == ["a.test", "a.test0", "a.test:8443", "b.test"]
    for host in hosts:
        assert (await services.library.search(f"site:{host}")).total_count

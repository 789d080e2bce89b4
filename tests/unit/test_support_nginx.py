"""The nginx of tests/support: serves what it is told, on its own port, and goes without a trace."""

import socket
import time
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

pytestmark = pytest.mark.sites


def test_it_serves_a_folder_and_logs_requests(serve_folder, tmp_path):
    (tmp_path / "index.html").write_text("<title>Hello</title>" + "text " * 500, encoding="utf-8")
    site = serve_folder(tmp_path)
    request = Request(site.url, headers={"Accept-Encoding": "gzip", "User-Agent": "test"})
    with urlopen(request, timeout=10) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == "text/html"
        answer.read()
    # nginx writes the line after the answer is sent.
    deadline = time.monotonic() + 10
    while not site.requests():
        assert time.monotonic() < deadline
    [logged] = site.requests()
    assert (logged.method, logged.path, logged.status, logged.agent) == ("GET", "/", 200, "test")


def test_two_sites_run_side_by_side(serve_folder, tmp_path):
    first, second = serve_folder(tmp_path), serve_folder(tmp_path)
    assert first.url != second.url
    assert first.pid != second.pid
    for site in (first, second):
        socket.create_connection(("127.0.0.1", urlsplit(site.url).port or 0), timeout=10).close()


@pytest.mark.parametrize("name", ["postgresql", "python", "sqlite"])
def test_it_serves_the_documentation_of_debian(docs_site, name):
    with urlopen(docs_site(name).url, timeout=10) as answer:
        assert b"<title>" in answer.read().lower()

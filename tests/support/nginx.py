"""A real web server for tests and benchmarks: nginx, serving a folder on a free port of this machine."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DOCS = {
    "postgresql": Path("/usr/share/doc/postgresql-doc-15/html"),
    "python": Path("/usr/share/doc/python3.11/html"),
    "sqlite": Path("/usr/share/doc/sqlite3"),
}
"""Sites that Debian packages bring: postgresql-doc-15, python3.11-doc and sqlite3-doc."""

_CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {temporary}/nginx.pid;
error_log {temporary}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    types {{
        text/html html htm;
        text/css css;
        text/javascript js;
        text/plain txt;
        image/png png;
        image/gif gif;
        image/jpeg jpg jpeg;
        image/svg+xml svg;
        application/pdf pdf;
    }}
    default_type application/octet-stream;
    log_format requests escape=json '{{"method":"$request_method","path":"$request_uri","status":$status,'
                                    '"bytes":$body_bytes_sent,"agent":"$http_user_agent"}}';
    access_log {temporary}/access.log requests;
    client_body_temp_path {temporary}/body;
    proxy_temp_path {temporary}/proxy;
    fastcgi_temp_path {temporary}/fastcgi;
    uwsgi_temp_path {temporary}/uwsgi;
    scgi_temp_path {temporary}/scgi;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65;
    gzip on;
    gzip_types text/css text/javascript text/plain image/svg+xml;
    server {{
        listen 127.0.0.1:{port};
        root "{folder}";
        index index.html;
    }}
}}
"""


def nginx_program() -> str | None:
    """Return where nginx is, or None; its folder is not on every person's path."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def missing_for(site: str) -> str | None:
    """Return what keeps one of :data:`DOCS` from being served here, as a sentence, or None."""
    if nginx_program() is None:
        return "nginx is not installed (Debian: nginx-light)."
    if not (DOCS[site] / "index.html").is_file():
        return f"{DOCS[site]} is missing: install Debian's documentation package."
    return None


@dataclass(frozen=True)
class Request:
    """One line of the access log."""

    method: str
    path: str
    status: int
    bytes: int
    agent: str


@dataclass(frozen=True)
class Site:
    """A folder that is being served.

    Attributes:
        url: where its index is, with a slash at the end.
        folder: what is served.
        access_log: a JSON object per request.
        pid: nginx's master process.
    """

    url: str
    folder: Path
    access_log: Path
    pid: int

    def requests(self) -> list[Request]:
        """Return the requests that were answered so far, in the order of their ends."""
        lines = self.access_log.read_text(encoding="utf-8").splitlines()
        return [Request(**json.loads(line)) for line in lines]


@contextmanager
def serve(folder: Path) -> Iterator[Site]:
    """Serve *folder* until the block ends.

    Raises:
        RuntimeError: when nginx is missing or does not start, with what it said.
    """
    program = nginx_program()
    if program is None:
        raise RuntimeError("nginx is not installed (Debian: nginx-light).")
    with tempfile.TemporaryDirectory(prefix="quaero-nginx-") as name:
        temporary = Path(name)
        process, port = _start(program, folder, temporary)
        try:
            yield Site(f"http://127.0.0.1:{port}/", folder, temporary / "access.log", process.pid)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(program: str, folder: Path, temporary: Path) -> tuple[subprocess.Popen[bytes], int]:
    config, errors = temporary / "nginx.conf", temporary / "error.log"
    for _ in range(3):
        # Somebody else may take the port before nginx does: hence the attempts.
        port = _free_port()
        # The workers of a root's nginx are nobody, who may not read a test's own folder.
        user = "user root root;" if os.name == "posix" and os.geteuid() == 0 else ""
        config.write_text(_CONFIG.format(temporary=temporary, port=port, folder=folder, user=user), encoding="utf-8")
        process = subprocess.Popen(
            [program, "-p", str(temporary), "-c", str(config), "-e", str(errors)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            if _answers(port) and process.poll() is None:
                return process, port
            time.sleep(0.01)
        process.kill()
        process.wait()
    raise RuntimeError(f"nginx did not start: {errors.read_text(encoding='utf-8') if errors.exists() else 'no word'}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True

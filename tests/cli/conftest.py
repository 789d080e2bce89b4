"""A small crawled library, and `quaero` as a call."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from quaero_desktop.cli import main
from tests.support.site import SiteProcess, site_process

ROOT = Path(__file__).resolve().parents[2]
PAGES = 12


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON value on stdout."""
        return json.loads(self.out)


Quaero = Callable[..., Ended]


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("QUAERO_")}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "quaero_desktop", *arguments]


def quaero_process(*arguments: str, stdout: Any = subprocess.PIPE, **environment: str) -> Ended:
    """Run `quaero` in a process of its own."""
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        env={**clean_environment(), **environment},
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding=environment.get("PYTHONIOENCODING", "utf-8"),
        timeout=60,
        check=False,
    )
    return Ended(done.returncode, done.stdout or "", done.stderr)


@pytest.fixture
def quaero(capsys: pytest.CaptureFixture[str]) -> Quaero:
    """Run `quaero` in this process."""

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main.execute([str(argument) for argument in arguments])
        output = capsys.readouterr()
        return Ended(code, output.out, output.err)

    return run


@pytest.fixture(scope="module")
def site() -> Iterator[SiteProcess]:
    with site_process(pages=PAGES, links_per_page=2, missing=2, private=1) as running:
        yield running


@pytest.fixture(scope="module")
def crawled(site: SiteProcess, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A library with one crawl of the site, and how that crawl ended. Not to be changed."""
    library = tmp_path_factory.mktemp("crawled") / "library"
    return library, quaero_process("crawl", site.url, "--delay", "0", "--library", str(library), "--json")


@pytest.fixture(scope="module")
def library(crawled: tuple[Path, Ended]) -> Path:
    """The crawled library, to be read."""
    return crawled[0]


@pytest.fixture
def own_library(library: Path, tmp_path: Path) -> Path:
    """A copy of the crawled library, to be changed."""
    return Path(shutil.copytree(library, tmp_path / "own"))

"""The rules of the house that no linter knows: what the sources, the locks and the papers must and must not hold."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import quaero_desktop

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "quaero_desktop"
SOURCES = sorted(PACKAGE.rglob("*.py"))
LOCKS = sorted((ROOT / "packaging").glob("*.lock"))
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# --- the core runs without Qt ---------------------------------------------------------------------------------------

WITHOUT_QT = """
import importlib.abc, sys
class NoQt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"PySide6", "shiboken6", "qasync"}:
            raise ImportError(f"{name} was imported")
sys.meta_path.insert(0, NoQt())
"""


def run_without_qt(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_QT + code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_module_below_the_window_imports_without_qt():
    result = run_without_qt(
        """
import importlib, pkgutil, quaero_desktop
def modules(package):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        if module.name in {"quaero_desktop.ui", "quaero_desktop.app", "quaero_desktop.selftest"}:  # above app
            continue
        loaded = importlib.import_module(module.name)
        yield module.name
        if module.ispkg:
            yield from modules(loaded)
print(*modules(quaero_desktop))
"""
    )
    assert result.returncode == 0, result.stderr
    assert {"quaero_desktop.__main__", "quaero_desktop.domain.urls"} <= set(result.stdout.split())


def test_the_command_line_runs_without_qt():
    result = run_without_qt(
        """
import runpy
sys.argv = ["quaero", *sys.argv[1:]]
runpy.run_module("quaero_desktop", run_name="__main__")
""",
        "--version",
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert quaero_desktop.__version__ in result.stdout


# --- no made-up addresses (O4) --------------------------------------------------------------------------------------

MADE_UP = re.compile(
    r"""
    // localhost \b | \b localhost [:/] | (?<![=!<>]) = \s* ["']localhost         # this machine by name,
    | \b 127\.\d+\.\d+\.\d+ \b | \b 0\.0\.0\.0 \b | \[::1?\] | ["']::1?["']   # and by address
    | \b example\.(?: com | net | org | edu ) \b                # names reserved for documentation and tests: RFC 2606
    | https?:// [\w.-]+ \. (?: test | example | invalid | localhost | localdomain ) \b
    | https?:// [\w.-]* (?: example | placeholder | dummy | foobar | your-? | changeme | mysite | my-site )
    | https?:// (?: test | staging | foo | bar | site | host | server | url ) (?! [\w.-] )
    """,
    re.IGNORECASE | re.VERBOSE,
)


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8080/",
        'host = "localhost"',
        "localhost:11434",
        "connect('127.0.0.1', port)",
        "http://127.1.2.3/",
        "http://[::1]/",
        'bind("::1")',
        "0.0.0.0",
        "https://example.com/a",
        "https://www.Example.ORG",
        "https://docs.wiki.example/",
        "https://wiki.test/start",
        "https://your-site.atlassian.net",
        "https://placeholder.io",
        "http://test/",
        "http://host/path",
    ],
)
def test_the_scan_knows_a_made_up_address(text):
    assert MADE_UP.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://docs.python.org/3/",
        "https://url.spec.whatwg.org/",
        "for example https://www.postgresql.org/docs/15/",
        "self.test(page)",
        "address.is_loopback",
        'if name == "localhost":  # RFC 6761',
        "scheme://host",
        "host_of(url)",
        "state.invalid = True",
        "rows[::2]",
    ],
)
def test_the_scan_leaves_the_rest_alone(text):
    assert not MADE_UP.search(text)


def test_the_product_holds_no_made_up_address():
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in sorted(PACKAGE.rglob("*"))
        if path.is_file() and path.suffix not in {".pyc", ".png", ".ico"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if MADE_UP.search(line)
    ]
    assert found == []


# --- the sources ----------------------------------------------------------------------------------------------------


def test_no_dialog_is_executed():
    """A dialog's own event loop makes another task hang for ever: it is opened, and its end is awaited."""
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), path.name))
        if isinstance(node, ast.Attribute) and node.attr in {"exec", "exec_"}
    ]
    assert found == []


# --- the locks ------------------------------------------------------------------------------------------------------


def pinned(lock: Path) -> dict[str, str]:
    """Return the version of each package in *lock*."""
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE))


def test_there_is_a_lock_for_each_purpose():
    assert [lock.name for lock in LOCKS] == ["bench.lock", "bundle.lock", "dev.lock", "mutants.lock", "run.lock"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_versions_and_hashes_and_names_no_registry(lock: Path):
    text = lock.read_text(encoding="utf-8")
    requirements = re.sub(r"\\\n\s*", "", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    odd = [
        line
        for line in requirements
        if not re.fullmatch(r"[a-z0-9-]+==\S+ (?:; [^#]+ )?(?:--hash=sha256:\w{64} ?)+", line)
    ]
    assert (bool(requirements), odd) == (True, [])
    assert "://" not in text


def test_no_configuration_names_a_registry():
    assert not re.search(r"index-url|find-links|\[\[tool\.uv\.index|\[\[tool\.uv\.sources", str(PYPROJECT))


@pytest.mark.parametrize(
    ("lock", "groups"),
    [
        ("run.lock", ["build"]),
        ("dev.lock", ["dev"]),
        ("bundle.lock", ["build", "bundle"]),
        ("bench.lock", ["bench"]),
        ("mutants.lock", ["mutation"]),
    ],
)
def test_the_locks_hold_what_pyproject_asks_for(lock: str, groups: list[str]):
    wanted = [] if lock in ("bench.lock", "mutants.lock") else PYPROJECT["project"]["dependencies"]
    for group in groups:
        wanted = wanted + [entry for entry in PYPROJECT["dependency-groups"][group] if isinstance(entry, str)]
    versions = pinned(ROOT / "packaging" / lock)
    for requirement in map(Requirement, wanted):
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        assert versions[name] in requirement.specifier, f"{requirement}: run `packaging/dev.py lock`"


def test_the_locks_agree():
    dev = pinned(ROOT / "packaging" / "dev.lock")
    assert pinned(ROOT / "packaging" / "run.lock").items() <= dev.items()
    for other in ("bench.lock", "bundle.lock", "mutants.lock"):
        versions = pinned(ROOT / "packaging" / other)
        assert {name: versions[name] for name in versions.keys() & dev.keys()}.items() <= dev.items()


# --- the papers -----------------------------------------------------------------------------------------------------


def test_the_changelog_starts_with_this_version():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest[1] == quaero_desktop.__version__


def test_the_installed_package_has_this_version():
    try:
        installed = metadata.version("quaero-desktop")
    except metadata.PackageNotFoundError:
        pytest.skip("quaero-desktop is not installed here, only on the path")
    assert installed == quaero_desktop.__version__

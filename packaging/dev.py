"""Runs and tests Quaero Desktop from a checkout, with nothing but Python 3.11 or newer.

::

    python3 packaging/dev.py run                 open the window
    python3 packaging/dev.py run URL             open the window and crawl that site
    python3 packaging/dev.py run COMMAND ...     the same as `quaero COMMAND ...`
    python3 packaging/dev.py test [PYTEST ...]   every linter, then all tests (or what pytest is told to run)
    python3 packaging/dev.py screenshots DIR     draw every view of the window, in light and dark
    python3 packaging/dev.py screenshots --docs  draw the pictures of the documentation anew
    python3 packaging/dev.py bench [NAME ...]    measure, and print all figures as one table
    python3 packaging/dev.py mutants [--help]    break the queue and the writer on purpose; list what no test notices
    python3 packaging/dev.py bundle [--package]  build the folder that people download, and its .deb, and try it
    python3 packaging/dev.py lock                pin the dependencies of pyproject.toml anew (needs uv)

The first call makes `.venv` beside pyproject.toml and installs what the locks pin, by hash; later calls start at once.
Set-up speaks on stderr only, so that stdout belongs to the command.

This file needs the standard library only. Python 3.7 can read it, so that an old one gets a sentence and no traceback.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Iterator, NoReturn  # noqa: UP035 (see above: an old Python reads this)

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
STAMP = VENV / "quaero-setup.json"
OLDEST = (3, 11)

LOCKS = {
    "run": ROOT / "packaging" / "run.lock",
    "dev": ROOT / "packaging" / "dev.lock",
    "bundle": ROOT / "packaging" / "bundle.lock",
}
"""What is needed to run, that with everything needed to test, and that to run with what builds the bundle."""

BENCH_LOCK = ROOT / "packaging" / "bench.lock"
"""What the benchmarks compare with; it has an environment of its own, so that ours stays clean."""
BENCH_VENV = ROOT / ".venv-bench"

MUTANTS_LOCK = ROOT / "packaging" / "mutants.lock"
"""What `mutants` adds to the environment of the tests."""

USAGE = (__doc__ or "").split("::\n\n")[1].split("\n\n")[0]


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


# --- the environment ------------------------------------------------------------------------------------------------


def say(message: str) -> None:
    """Tell the person something, on stderr."""
    print(f"dev.py: {message}", file=sys.stderr, flush=True)


def require_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Refuse a Python that is too old.

    Raises:
        SetupError: naming both versions.
    """
    if version[:2] < OLDEST:
        have, need = ".".join(map(str, version)), ".".join(map(str, OLDEST))
        raise SetupError(f"Quaero Desktop needs Python {need} or newer; this is {have} ({sys.executable}).")


def require_venv() -> None:
    """Refuse a Python that cannot make virtual environments with pip, as Debian's without one more package.

    Raises:
        SetupError: naming the package.
    """
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
        raise SetupError(
            f"this Python ({sys.executable}) cannot make virtual environments: {error}.\n"
            f"On Debian and Ubuntu: apt install {package}"
        ) from error


def fingerprint(level: str) -> str:
    """Return a hash of everything that decides what is installed at *level* (``run`` or ``dev``)."""
    digest = hashlib.sha256()
    for file in (LOCKS[level], ROOT / "pyproject.toml", ROOT / "quaero_desktop" / "__init__.py"):
        content = file.read_bytes()
        digest.update(b"%d\n" % len(content) + content)
    # A checkout that was moved has the old place in its environment.
    digest.update(str(ROOT).encode())
    return digest.hexdigest()


def installed() -> dict[str, str]:
    """Return the fingerprint of each level that is installed; empty when there is none, or it cannot be read."""
    try:
        stamp = json.loads(STAMP.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and VENV_PYTHON.exists() else {}


def is_set_up(level: str) -> bool:
    """Return whether *level* is installed as the lock says."""
    return installed().get(level) == fingerprint(level)


def set_up(level: str) -> None:
    """Make the environment hold *level*, unless it does. Waits for another set-up of the same checkout.

    Raises:
        SetupError: when it cannot be done.
    """
    if is_set_up(level):
        return
    with only_one():
        if is_set_up(level):
            return
        before = [name for name in LOCKS if is_set_up(name)]
        with contextlib.suppress(OSError):
            STAMP.unlink()
        if not is_usable(VENV_PYTHON):
            make_venv(VENV)
        say(f"installing the packages of {LOCKS[level].name}; about 100 MB the first time")
        # Wheels only: building from source would run code that no hash pins.
        pip("--require-hashes", "--only-binary=:all:", "--requirement", str(LOCKS[level]))
        pip("--no-index", "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        # The locks agree, version by version: what another one installed stays as it was.
        levels = {level, "run", *before}
        write_whole(STAMP, json.dumps({name: fingerprint(name) for name in levels}))
        say("ready")


def set_up_peers() -> None:
    """Make an environment with what the benchmarks compare with, unless there is one.

    Raises:
        SetupError: when it cannot be done.
    """
    stamp, wanted = BENCH_VENV / "quaero-setup", hashlib.sha256(BENCH_LOCK.read_bytes()).hexdigest()
    with only_one():
        if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
            return
        make_venv(BENCH_VENV)
        say(f"installing the packages of {BENCH_LOCK.name}")
        python = BENCH_VENV / VENV_PYTHON.relative_to(VENV)
        pip("--require-hashes", "--only-binary=:all:", "--requirement", str(BENCH_LOCK), python=python)
        write_whole(stamp, wanted)


def make_venv(folder: Path) -> None:
    """Make an empty virtual environment.

    Raises:
        SetupError: when it cannot be done.
    """
    require_venv()
    say(f"making {folder}")
    run_or_stop([sys.executable, "-m", "venv", "--clear", str(folder)], "the virtual environment could not be made")


def is_usable(python: Path) -> bool:
    """Return whether *python* starts, is new enough and has pip: a set-up may have been interrupted at any point."""
    probe = f"import sys, pip; raise SystemExit(sys.version_info < {OLDEST})"
    try:
        return subprocess.run([str(python), "-c", probe], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except OSError:
        return False


def pip(*arguments: str, python: Path | None = None) -> None:
    """Install into the environment, or that of *python*; output goes to stderr, only errors without a terminal."""
    quiet = [] if sys.stderr.isatty() else ["-qq"]
    run_or_stop(
        [
            str(python or VENV_PYTHON),
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
            *quiet,
            *arguments,
        ],
        "the packages could not be installed: see above",
        # A person's own settings must not send the packages elsewhere.
        PIP_USER="0",
        PIP_REQUIRE_VIRTUALENV="0",
        PIP_ROOT_USER_ACTION="ignore",
    )


def run_or_stop(command: list[str], failure: str, **environment: str) -> None:
    """Run *command* with its stdout on stderr.

    Raises:
        SetupError: with *failure*, when it does not end well.
    """
    variables = {**os.environ, **environment}
    variables.pop("PYTHONHOME", None)
    variables.pop("PYTHONPATH", None)
    try:
        code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=2, env=variables, check=False).returncode
    except OSError as error:
        raise SetupError(f"{failure} ({error})") from error
    if code:
        raise SetupError(f"{failure} (exit code {code})")


def write_whole(file: Path, text: str) -> None:
    """Write *file* so that a reader sees the old text or the new one."""
    temporary = file.with_name(f"{file.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, file)


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold this checkout's set-up lock; the system frees it when the process dies."""
    with open(ROOT / ".venv.lock", "a", encoding="utf-8") as lock:
        if sys.platform == "win32":
            import msvcrt

            lock.seek(0)
            while True:
                # Tries for ten seconds, then raises.
                with contextlib.suppress(OSError):
                    msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
                    break
        else:
            import fcntl

            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another set-up of this checkout")
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# --- the commands ---------------------------------------------------------------------------------------------------


def run(arguments: list[str]) -> NoReturn:
    """Become `quaero-desktop` or `quaero`, whichever *arguments* mean; does not return."""
    set_up("run")
    # -P: a folder called like one of our packages in the person's current folder is not ours.
    become([str(VENV_PYTHON), "-P", "-m", "quaero_desktop", *arguments])


def become(command: list[str]) -> NoReturn:
    """Replace this process by *command*, so that exit code, signals and streams are its own."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name != "nt":
        os.execv(command[0], command)
    # Windows' exec starts a second process and ends this one at once. Ctrl-C reaches both: only the child heeds it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(subprocess.run(command, check=False).returncode)


def test(arguments: list[str]) -> int:
    """Run every linter, even after one failed, then the tests; the output ends with pytest's own summary line.

    Args:
        arguments: for pytest. Without any, processes share the tests. With any, there is one process, and coverage is
            neither measured nor asked for: a part cannot reach the floor.

    Returns:
        0 when all is well.
    """
    set_up("dev")
    os.chdir(ROOT)
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "PYTHONUNBUFFERED": "1"}
    # The tests start hundreds of processes, each of which would compile our modules anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    python = str(VENV_PYTHON)
    linters = {
        "ruff format": [python, "-m", "ruff", "format", "--check", "."],
        "ruff check": [python, "-m", "ruff", "check", "."],
        "mypy": [python, "-m", "mypy"],
        "lint-imports": [str(VENV_PYTHON.with_name("lint-imports")), "--no-cache"],
    }
    failed = []
    for name, command in linters.items():
        banner(name)
        if subprocess.run(command, env=environment, check=False).returncode:
            failed.append(name)
    banner("pytest")
    if failed:
        say(f"FAILED before the tests: {', '.join(failed)}")
    command = [python, "-m", "pytest", *(arguments or whole_suite())]
    code = subprocess.run(command, env=environment, check=False).returncode
    return code or int(bool(failed))


def whole_suite() -> list[str]:
    """Return what pytest is told when it is to run everything: to measure coverage, and to use the cores there are.

    The tests of a file stay together, because they share what is expensive. Which file comes when, tests/conftest.py
    says.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Even one core is enough for two, who mostly wait; with more than four, tests that watch the clock would fail.
    workers = min(4, max(2, cores + 1))
    arguments = [f"--numprocesses={workers}", "--dist=loadfile", "--no-loadscope-reorder", "--cov", "--cov-report=term"]
    if sys.platform.startswith("linux"):
        # What keeps the library is covered to the last branch; elsewhere other lines are meant.
        arguments.append("--cover-whole=quaero_desktop/storage/*")
    return arguments


def screenshots(folder: str) -> int:
    """Draw every view of the window into *folder*, in light and dark, at one and two pixels to the point.

    Args:
        folder: where to; ``--docs`` draws the pictures that the documentation shows, into docs/images.

    Returns:
        0 when all were drawn.
    """
    set_up("dev")
    documentation = folder == "--docs"
    target = folder if documentation else str(Path(folder).absolute())
    os.chdir(ROOT)
    for scale in ("1",) if documentation else ("1", "2"):
        environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ, "QT_SCALE_FACTOR": scale}
        command = [str(VENV_PYTHON), "-m", "tests.support.screenshots", target]
        code = subprocess.run(command, env=environment, check=False).returncode
        if code:
            return code
    return 0


def bench(arguments: list[str]) -> NoReturn:
    """Become what measures and prints the table, see tests/benchmarks/__main__.py; does not return."""
    set_up("dev")
    if "--peers" in arguments:
        set_up_peers()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    # Not from the top of the checkout: a file that is named is where the person is.
    os.environ["PYTHONPATH"] = str(ROOT)
    become([str(VENV_PYTHON), "-P", "-m", "tests.benchmarks", *arguments])


def mutants(arguments: list[str]) -> int:
    """Break the queue and the writer in a copy, one small thing at a time; see packaging/mutants/run.py.

    Returns:
        0 when the tests noticed enough of it.
    """
    set_up("dev")
    probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('mutmut') is None)"
    if subprocess.run([str(VENV_PYTHON), "-c", probe], check=False).returncode:
        with only_one():
            say(f"installing the packages of {MUTANTS_LOCK.name}")
            pip("--require-hashes", "--only-binary=:all:", "--requirement", str(MUTANTS_LOCK))
    environment = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    command = [str(VENV_PYTHON), str(ROOT / "packaging" / "mutants" / "run.py"), *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def bundle(arguments: list[str]) -> int:
    """Build the bundle, and what installs it when *arguments* ask for it; see packaging/bundle.py."""
    set_up("bundle")
    os.chdir(ROOT)
    command = [str(VENV_PYTHON), str(ROOT / "packaging" / "bundle.py"), *arguments]
    return subprocess.run(command, check=False).returncode


def banner(title: str) -> None:
    """Say what comes next, between the outputs of the tools."""
    print(f"\n--- {title} ---", flush=True)


def lock() -> None:
    """Write the locks anew from pyproject.toml: the newest versions that it allows, with hashes, for every platform.

    Raises:
        SetupError: when uv is missing or fails, or an address of a registry got into a lock.
    """
    compile_lock(LOCKS["dev"], "pyproject.toml", "--group", "dev", "--no-build")
    # The others agree with the first, version by version, so that all can share an environment.
    compile_lock(LOCKS["run"], "pyproject.toml", "--group", "build", "--no-build", "--constraint", str(LOCKS["dev"]))
    bundled = ("--group", "build", "--group", "bundle", "--no-build", "--constraint", str(LOCKS["dev"]))
    compile_lock(LOCKS["bundle"], "pyproject.toml", *bundled)
    compile_lock(BENCH_LOCK, "--group", "bench", "--constraint", str(LOCKS["dev"]))
    compile_lock(MUTANTS_LOCK, "--group", "mutation", "--constraint", str(LOCKS["dev"]))


def compile_lock(target: Path, *arguments: str) -> None:
    """Write one lock.

    Raises:
        SetupError: as :func:`lock` says.
    """
    say(f"writing {target.name}")
    os.chdir(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / target.name
        run_or_stop(
            [
                *("uv", "pip", "compile", "--quiet", "--universal", "--python-version", ".".join(map(str, OLDEST))),
                *("--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"),
                *("--output-file", str(output), *arguments),
            ],
            "uv could not resolve the dependencies",
        )
        text = output.read_text(encoding="utf-8")
    if "://" in text:
        raise SetupError(f"an address got into {target.name}; nothing was written")
    write_whole(target, f"# Made by `packaging/dev.py lock` from pyproject.toml; do not edit.\n{text}")


def main(arguments: list[str]) -> int:
    """Do what *arguments* say and return the exit code."""
    command, rest = (arguments[0], arguments[1:]) if arguments else ("--help", [])
    try:
        require_python()
        if command == "run":
            run(rest)
        if command == "test":
            return test(rest)
        if command == "screenshots" and len(rest) == 1:
            return screenshots(rest[0])
        if command == "bench":
            bench(rest)
        if command == "mutants":
            return mutants(rest)
        if command == "bundle":
            return bundle(rest)
        if command == "lock" and not rest:
            lock()
            return 0
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 130
    print(USAGE, file=sys.stdout if command in ("-h", "--help") and arguments else sys.stderr)
    return 0 if command in ("-h", "--help") and arguments else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

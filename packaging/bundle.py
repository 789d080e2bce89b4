"""Builds what a person downloads: a folder with the window and the command line, and what a system installs it by.

`packaging/dev.py bundle` runs this with the environment's Python, in which PyInstaller is installed.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
MADE = DIST / "made"
FOLDER = DIST / "quaero-desktop"
SPEC = ROOT / "packaging" / "pyinstaller" / "quaero.spec"
DESKTOP_FILES = ROOT / "resources" / "desktop"
ICON = ROOT / "resources" / "icons" / "quaero.svg"
APP_ID = "org.quaero.QuaeroDesktop"
ICON_SIZES = (16, 24, 32, 48, 64, 128, 256, 512)
SELF_TEST_SECONDS = 180
_LICENCE = re.compile(r"(?:licen[cs]e|copying|notice|authors)", re.IGNORECASE)
_BUILDERS = frozenset(
    {"pyinstaller", "pyinstaller-hooks-contrib", "altgraph", "pip", "setuptools", "wheel", "hatchling"}
)

# What Qt's platform plugin for X11 needs of a machine and does not bring along; the others of Debian's packages come
# with any desktop.
DEB_DEPENDS = (
    "libc6 (>= 2.34)", "libegl1", "libgl1", "libfontconfig1", "libdbus-1-3", "libxkbcommon-x11-0", "libxcb-cursor0",
    "libxcb-icccm4", "libxcb-image0", "libxcb-keysyms1", "libxcb-randr0", "libxcb-render-util0", "libxcb-shape0",
    "libxcb-xinerama0", "libxcb-xkb1",
)  # fmt: skip


class BuildError(Exception):
    """Something could not be built; the message says why."""


def version() -> str:
    """Return the version of Quaero Desktop."""
    text = (ROOT / "quaero_desktop" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'__version__ = "(.+)"', text)
    if match is None:
        raise BuildError("quaero_desktop/__init__.py names no version")
    return match.group(1)


# --- what PyInstaller takes along -----------------------------------------------------------------------------------


def make_licences(folder: Path) -> int:
    """Write the licences of everything that the bundle holds, a file for each distribution; return how many."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    number = 0
    for name in sorted(needed_distributions()):
        distribution = importlib.metadata.distribution(name)
        about = distribution.metadata
        licence = about.get("License-Expression") or about.get("License") or "see below"
        parts = [f"{about['Name']} {about['Version']}\nLicence: {licence.strip().splitlines()[0]}\n"]
        files = [file for file in distribution.files or () if _LICENCE.search(file.name) and ".dist-info" in str(file)]
        parts += [Path(str(file.locate())).read_text(encoding="utf-8", errors="replace") for file in files]
        (folder / f"{about['Name']}.txt").write_text("\n\n".join(parts), encoding="utf-8")
        number += 1
    python = Path(sys.base_prefix, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}", "LICENSE.txt")
    if python.is_file():
        shutil.copy(python, folder / "Python.txt")
        number += 1
    return number


def needed_distributions() -> set[str]:
    """Return the names of our requirements, and of theirs, as they are installed here."""
    from packaging.requirements import Requirement

    found: set[str] = set()
    waiting = ["quaero-desktop"]
    while waiting:
        for text in importlib.metadata.requires(waiting.pop()) or ():
            requirement = Requirement(text)
            name = requirement.name.lower().replace("_", "-")
            if name in found | _BUILDERS or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
                continue
            found.add(name)
            waiting.append(name)
    return found


def make_icons(folder: Path) -> None:
    """Draw the application's icon in all sizes, and as the one file that Windows and the Mac want."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtCore import QSize
    from PySide6.QtGui import QGuiApplication, QIcon

    application = QGuiApplication.instance() or QGuiApplication([])
    folder.mkdir(parents=True, exist_ok=True)
    icon = QIcon(str(ICON))
    for size in ICON_SIZES:
        picture = icon.pixmap(QSize(size, size), 1.0).toImage()
        if not picture.save(str(folder / f"quaero-{size}.png")):
            raise BuildError(f"the icon could not be drawn at {size} pixels")
    largest = icon.pixmap(QSize(256, 256), 1.0).toImage()
    if sys.platform == "win32" and not largest.save(str(folder.parent / "quaero.ico")):
        raise BuildError("the icon for Windows could not be written")
    if sys.platform == "darwin" and not largest.save(str(folder.parent / "quaero.icns")):
        raise BuildError("the icon for the Mac could not be written")
    del application


# --- the folder -----------------------------------------------------------------------------------------------------


def bundle() -> Path:
    """Build the folder and return it."""
    MADE.mkdir(parents=True, exist_ok=True)
    say(f"licences of {make_licences(MADE / 'licences')} packages")
    make_icons(MADE / "icons")
    with tempfile.TemporaryDirectory(prefix="quaero-bundle-") as work:
        run(
            [
                *(sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
                *("--distpath", str(DIST), "--workpath", work, str(SPEC)),
            ]
        )
    return FOLDER


def self_test(folder: Path) -> None:
    """Start what was built: the command line, and the window's own test, which needs no display.

    Raises:
        BuildError: it does not work.
    """
    suffix = ".exe" if os.name == "nt" else ""
    said = run([str(folder / f"quaero{suffix}"), "--version"], capture=True).strip()
    if said != f"quaero {version()}":
        raise BuildError(f"the bundled command line says “{said}”")
    picture = DIST / "self-test.png"
    picture.unlink(missing_ok=True)
    environment = {"QT_QPA_PLATFORM": "offscreen"}
    run([str(folder / f"quaero-desktop{suffix}"), "--self-test", str(picture)], **environment)
    if not picture.is_file():
        raise BuildError("the self-test wrote no picture")
    say(f"the self-test passed: {picture}")


def tell_sizes(folder: Path) -> None:
    """Print what the bundle is made of, in MB."""
    sizes: dict[str, int] = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            sizes[part_of(path.relative_to(folder))] = (
                sizes.get(part_of(path.relative_to(folder)), 0) + path.stat().st_size
            )
    total = sum(sizes.values())
    for name, size in sorted(sizes.items(), key=lambda item: -item[1]):
        print(f"{size / 1e6:8.1f} MB  {name}")
    print(f"{total / 1e6:8.1f} MB  in all ({folder})")


def part_of(path: Path) -> str:
    """Return the part of the bundle that a file belongs to, for :func:`tell_sizes`."""
    name = path.as_posix()
    for pattern, part in (
        (r"icu(data|uc|i18n)", "ICU: character tables of Qt"),
        (r"PySide6|shiboken6|libQt6", "Qt and PySide6"),
        (r"cryptography|libcrypto|libssl", "TLS and cryptography"),
        (r"lxml", "lxml"),
        (r"python3\.|libpython|base_library|lib-dynload", "Python"),
        (r"sqlite", "SQLite"),
        (r"qtawesome|resources/", "icons and other resources"),
        (r"licences/|LICENSE", "licences"),
        (r"^quaero", "the two programs, with Quaero itself and pure Python packages"),
        (r"\.so(\.\d+)*$|\.dll$|\.dylib$", "other libraries"),
    ):
        if re.search(pattern, name):
            return part
    return "everything else"


# --- the Debian package ---------------------------------------------------------------------------------------------


def debian_package(folder: Path) -> Path:
    """Build a .deb around the bundle with dpkg-deb and return it.

    Raises:
        BuildError: there is no dpkg-deb.
    """
    if shutil.which("dpkg-deb") is None:
        raise BuildError("dpkg-deb is missing, which makes Debian packages (package dpkg)")
    architecture = run(["dpkg", "--print-architecture"], capture=True).strip()
    target = DIST / f"quaero-desktop_{version()}_{architecture}.deb"
    with tempfile.TemporaryDirectory(prefix="quaero-deb-") as name:
        tree = Path(name)
        tree.chmod(0o755)
        for source, place in debian_files(folder):
            (tree / place).parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, tree / place, symlinks=True)
            else:
                shutil.copy(source, tree / place)
        (tree / "usr/bin").mkdir(parents=True)
        for program in ("quaero-desktop", "quaero"):
            (tree / "usr/bin" / program).symlink_to(f"/opt/quaero-desktop/{program}")
        documents = tree / "usr/share/doc/quaero-desktop"
        with gzip.GzipFile(documents / "changelog.gz", "wb", mtime=0) as stream:
            stream.write((ROOT / "CHANGELOG.md").read_bytes())
        for path in [tree, *tree.rglob("*")]:
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        control = tree / "DEBIAN"
        control.mkdir()
        size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file() and not path.is_symlink())
        (control / "control").write_text(control_file(architecture, -(-size // 1024)), encoding="utf-8")
        run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", str(tree), str(target)], capture=True)
    return target


def debian_files(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield what the package holds, each with its place below the root."""
    yield folder, "opt/quaero-desktop"
    yield DESKTOP_FILES / "quaero-desktop.desktop", "usr/share/applications/quaero-desktop.desktop"
    yield DESKTOP_FILES / f"{APP_ID}.metainfo.xml", f"usr/share/metainfo/{APP_ID}.metainfo.xml"
    yield ICON, "usr/share/icons/hicolor/scalable/apps/quaero.svg"
    for size in ICON_SIZES:
        yield MADE / "icons" / f"quaero-{size}.png", f"usr/share/icons/hicolor/{size}x{size}/apps/quaero.png"
    yield ROOT / "LICENSE", "usr/share/doc/quaero-desktop/copyright"


def control_file(architecture: str, kilobytes: int) -> str:
    """Return what dpkg wants to know of the package."""
    return (
        "Package: quaero-desktop\n"
        f"Version: {version()}\n"
        f"Architecture: {architecture}\n"
        "Maintainer: Quaero Desktop contributors <quaero-desktop@users.noreply.invalid>\n"
        f"Installed-Size: {kilobytes}\n"
        f"Depends: {', '.join(DEB_DEPENDS)}\n"
        "Section: net\n"
        "Priority: optional\n"
        "Description: private, searchable library of web knowledge\n"
        " Quaero Desktop collects sites (documentation, wikis, intranets behind a login), turns\n"
        " every page into markdown and searches all of it, offline, on this machine alone.\n"
        " A crawl that is stopped, killed or out of room goes on where it was.\n"
    )


# --- the Mac and Windows --------------------------------------------------------------------------------------------


def disk_image() -> Path:
    """Build the disk image of the Mac's application with hdiutil and return it. Signing is left to who has a key."""
    target = DIST / f"QuaeroDesktop-{version()}.dmg"
    with tempfile.TemporaryDirectory(prefix="quaero-dmg-") as name:
        shutil.copytree(DIST / "Quaero Desktop.app", Path(name, "Quaero Desktop.app"), symlinks=True)
        Path(name, "Applications").symlink_to("/Applications")
        run(
            [
                "hdiutil",
                "create",
                "-volname",
                "Quaero Desktop",
                "-srcfolder",
                name,
                "-ov",
                "-format",
                "UDZO",
                str(target),
            ]
        )
    return target


def windows_installer() -> Path:
    """Build the installer for Windows with Inno Setup's compiler, ISCC, and return it."""
    script = ROOT / "packaging" / "windows" / "quaero.iss"
    run(["ISCC", f"/DVersion={version()}", f"/DSource={FOLDER}", f"/DMade={MADE}", f"/O{DIST}", str(script)])
    return DIST / f"QuaeroDesktop-{version()}-setup.exe"


def package() -> Path:
    """Build what this system installs the bundle by and return it."""
    if sys.platform == "win32":
        return windows_installer()
    if sys.platform == "darwin":
        return disk_image()
    return debian_package(FOLDER)


# --- helpers --------------------------------------------------------------------------------------------------------


def run(command: list[str], *, capture: bool = False, **environment: str) -> str:
    """Run a command to its end and return its output, if that is wanted.

    Raises:
        BuildError: when it does not end well, or in time.
    """
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if capture else None,
            text=True,
            check=False,
            timeout=SELF_TEST_SECONDS * 5,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{Path(command[0]).name}: {error}") from error
    if done.returncode:
        raise BuildError(f"{' '.join(map(str, command[:4]))} … ended with exit code {done.returncode}")
    return done.stdout or ""


def say(message: str) -> None:
    """Tell the person something, on stderr."""
    print(f"bundle.py: {message}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> int:
    """Build what *arguments* ask for and return the exit code."""
    parser = argparse.ArgumentParser(prog="dev.py bundle", description="Build the bundle, and try it.")
    parser.add_argument(
        "--package", action="store_true", help="also build a .deb, a .dmg or an installer around it, for this system"
    )
    given = parser.parse_args(arguments)
    try:
        say(f"Quaero Desktop {version()} for {platform.system()} {platform.machine()}, {formatdate(usegmt=True)}")
        folder = bundle()
        self_test(folder)
        tell_sizes(folder)
        if given.package:
            made = package()
            print(f"{made.stat().st_size / 1e6:8.1f} MB  {made}")
    except BuildError as error:
        say(f"FAILED: {error}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

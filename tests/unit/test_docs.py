"""The documentation is true: everything that has to be in it is, and everything that it names exists."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QImage

from quaero_desktop.cli import ending
from quaero_desktop.cli.syntax import commandline
from quaero_desktop.domain.errors import UsageError
from quaero_desktop.domain.jobs import SkipReason
from quaero_desktop.domain.words import REASONS
from quaero_desktop.infra import paths
from tests.support import docpictures, errortexts, reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*docpictures.documents(), ROOT / "CHANGELOG.md"]
ERRORS = ROOT / "docs" / "errors.md"
MOST_PICTURE_BYTES = 2_000_000

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_MESSAGE = re.compile(r"^\| `(.+?)` \|", re.MULTILINE)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", _BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    """Return what the headings of a page are called in links, by GitHub's rule."""
    headings = _HEADING.findall(_BLOCK.sub("", text))
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def command_lines() -> Iterator[tuple[str, str]]:
    """Yield each command line of `quaero` in the blocks of the documentation, with its page."""
    for page in PAGES:
        for language, block in _BLOCK.findall(read(page)):
            for line in block.splitlines():
                text = line.removeprefix("$ ") if language == "console" else line if language == "sh" else ""
                if text.startswith("quaero "):
                    yield name(page), text


def section(page: Path, heading: str) -> str:
    """Return what stands below a heading of the second level."""
    return read(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


# --- what is missing --------------------------------------------------------------------------------------------------


def test_every_error_message_is_documented() -> None:
    documented = {text.replace("\\|", "|") for text in _MESSAGE.findall(section(ERRORS, "Messages"))}
    missing = {told.message: told for told in errortexts.told() if told.message not in documented}

    rows = [
        f"| `{told.message.replace('|', chr(92) + '|')}` | {told.hint} |  ({told.place})" for told in missing.values()
    ]
    assert not rows, "docs/errors.md lacks, below “Messages”:\n" + "\n".join(rows)


def test_no_error_message_is_documented_that_is_none() -> None:
    documented = {text.replace("\\|", "|") for text in _MESSAGE.findall(section(ERRORS, "Messages"))}

    assert documented - {told.message for told in errortexts.told()} == set()


def test_every_exact_error_of_a_page_is_documented() -> None:
    assert set(_MESSAGE.findall(section(ERRORS, "Why a page failed").partition("### Exact errors")[2])) == set(
        errortexts.of_pages()
    )


def test_everything_that_pauses_a_crawl_is_documented() -> None:
    documented = set(_MESSAGE.findall(section(ERRORS, "Why a crawl paused, or did not begin")))

    assert errortexts.of_crawls() - documented == set()


def test_every_kind_of_error_is_documented() -> None:
    kinds = set(re.findall(r"`(\w+)`", section(ERRORS, "Kinds of errors")))

    assert kinds == errortexts.kinds()


@pytest.mark.parametrize("page", reference.PAGES)
def test_what_is_made_from_the_program_is_as_the_program_is(page: str) -> None:
    assert reference.renewed(page) == read(ROOT / page), "run: .venv/bin/python -m tests.support.reference"


def test_every_reason_to_skip_a_link_is_documented() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", section(ERRORS, "Why a link was skipped"), re.MULTILINE))

    assert rows == {str(reason): REASONS[reason][0].upper() + REASONS[reason][1:] for reason in SkipReason}


@pytest.mark.parametrize("page", ["docs/errors.md", "docs/guide/command-line.md"])
def test_every_exit_code_is_documented(page: str) -> None:
    codes = {value for key, value in vars(ending).items() if key.startswith("EXIT_")}

    assert {
        int(code) for code in re.findall(r"^\| (\d+) \|", section(ROOT / page, "Exit codes"), re.MULTILINE)
    } == codes


def test_every_variable_of_the_environment_is_documented() -> None:
    named = {found for tree in _trees() for node in ast.walk(tree) if (found := _variable(node))}
    text = read(ROOT / "docs" / "settings.md")

    assert {paths.LIBRARY_VARIABLE, paths.CONFIG_VARIABLE} <= named
    assert {variable for variable in named if f"`{variable}`" not in text} == set()


def _trees() -> list[ast.Module]:
    return [ast.parse(read(file)) for file in sorted((ROOT / "quaero_desktop" / "infra").rglob("*.py"))]


def _variable(node: ast.AST) -> str:
    """Return the name of a variable of the environment that stands in the code, or nothing."""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return text if re.fullmatch(r"QUAERO_[A-Z_]*[A-Z]", text) else ""


def test_the_guide_leads_to_each_of_its_pages() -> None:
    index = ROOT / "docs" / "guide" / "README.md"
    linked = set(_LINK.findall(read(index)))

    assert {page.name for page in index.parent.glob("*.md")} - linked == {"README.md"}


# --- what does not exist ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_and_picture_leads_somewhere(page: Path) -> None:
    broken = []
    for target in _LINK.findall(without_code(read(page))):
        if re.match(r"(?:https?|mailto):", target):
            continue
        file, _, anchor = target.partition("#")
        there = (page.parent / file).resolve() if file else page
        if not there.exists() or (anchor and anchor not in anchors(read(there))):
            broken.append(target)

    assert broken == []


def test_every_module_that_the_architecture_names_exists() -> None:
    text = read(ROOT / "docs" / "architecture.md")
    named = set(re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:/|\.py))`", text)) - {"quaero_desktop/"}

    assert len(named) > 20
    assert {path for path in named if not (ROOT / "quaero_desktop" / path).exists()} == set()


def test_every_picture_is_shown_and_all_of_them_are_small() -> None:
    shown = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in _LINK.findall(read(page))
        if "images/" in target
    }
    pictures = set((ROOT / "docs" / "images").iterdir())

    assert pictures - shown == set()
    assert sum(picture.stat().st_size for picture in pictures) < MOST_PICTURE_BYTES


def test_pictures_are_made_small_without_changing_the_colours_of_plain_areas() -> None:
    whole = QImage(120, 80, QImage.Format.Format_RGB32)
    for column in range(120):
        for row in range(80):
            # A thousand colours beside two plain ones.
            blended = QColor(2 * column, 3 * row, 40) if column < 30 and row < 40 else QColor("#f3f5f7")
            whole.setPixelColor(column, row, QColor("#2563eb") if row > 60 else blended)

    small = docpictures.reduced(whole)

    assert small.format() == QImage.Format.Format_Indexed8
    assert {small.pixelColor(100, 20).name(), small.pixelColor(5, 70).name()} == {"#f3f5f7", "#2563eb"}


def test_every_command_line_can_be_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    # Making it takes longer than using it, and nothing is left in it.
    parser = commandline.build()
    monkeypatch.setattr(commandline, "build", lambda: parser)
    refused = []
    for page, line in command_lines():
        try:
            words = shlex.split(line, comments=True)
            commandline.parse(words[1 : words.index("|") if "|" in words else None])
        except (UsageError, ValueError) as error:
            refused.append(f"{page}: {line}: {error}")

    assert refused == []


def test_the_command_lines_would_be_refused_if_they_were_wrong() -> None:
    lines = [line for _, line in command_lines()]
    assert len(lines) > 100

    with pytest.raises(UsageError):
        commandline.parse(shlex.split("quaero crawl --depht 3 https://docs.python.org/3/")[1:])
    with pytest.raises(UsageError):
        commandline.parse(["no-such-command"])


def test_every_command_of_the_bootstrap_is_named_where_developers_look() -> None:
    usage = re.findall(
        r"packaging/dev\.py (\w+)", (ast.get_docstring(ast.parse(read(ROOT / "packaging" / "dev.py"))) or "")
    )
    told = read(ROOT / "CONTRIBUTING.md")

    assert {
        command for command in usage if not re.search(rf"dev\.py {command}\b|^\| `{command}\b", told, re.M)
    } == set()

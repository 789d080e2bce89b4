"""The language of a block of code, from the classes that highlighters and generators leave around it."""

import re

from lxml import etree

_MARKED = re.compile(
    r"(?:^|\s)(?:language-|lang-|highlight-source-|highlight-text-|highlight-|brush:\s*|src-)([\w+#.-]+)"
)
_AFTER = re.compile(r"(?:^|\s)(?:sourceCode|src|hljs|prettyprint|highlight|code|codehilite|syntax)\s+([\w+#-]+)")

_SAME = {
    "python3": "python", "py": "python", "py3": "python", "python2": "python", "ipython": "python",
    "ipython3": "python", "js": "javascript", "ts": "typescript", "sh": "bash", "shell": "bash", "zsh": "bash",
    "shell-session": "console", "shellsession": "console", "yml": "yaml", "c++": "cpp", "objective-c": "objc",
    "rb": "ruby", "rs": "rust", "golang": "go", "cs": "csharp", "c#": "csharp", "ps1": "powershell",
    "plpgsql": "sql", "postgresql": "sql", "md": "markdown", "html+django": "django",
}  # fmt: skip

# Not the name of a language: no highlighting, a highlighter's default, or another word of its classes.
_NONE = frozenset(
    "default none text txt plain plaintext nohighlight notranslate guess auto unknown null undefined output"
    " linenums line-numbers prettyprinted copyable wrap lines source block code highlight hljs source-code".split()
)


def language_of(element: etree._Element, code: str) -> str:
    """Return the info string for the fence of the ``pre`` *element*, or an empty one.

    Args:
        element: the ``pre``; its first ``code`` and the elements around it are asked too.
        code: its text, which tells an interactive Python session apart.
    """
    around: etree._Element | None = element
    for _ in range(3):
        if around is None:
            break
        if found := _said_by(around):
            return "pycon" if found == "python" and code.startswith(">>> ") else found
        if around is element:
            for child in element:
                if child.tag == "code" and (found := _said_by(child)):
                    return found
                break
        around = around.getparent()
        if around is not None and around.tag not in ("div", "figure", "td", "rd-code"):
            break
    return "pycon" if code.startswith(">>> ") else ""


def _said_by(element: etree._Element) -> str:
    names = element.get("class")
    if names:
        for pattern in (_MARKED, _AFTER):
            if (match := pattern.search(names)) and (found := _known(match[1])):
                return found
    return _known(element.get("data-lang") or element.get("data-language") or "")


def _known(name: str) -> str:
    name = name.lower().rstrip(";")
    if name in _NONE or len(name) > 24:
        return ""
    return _SAME.get(name, name)

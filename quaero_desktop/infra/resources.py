"""Finds the files of the ``resources/`` folder in a checkout, in an installed wheel and in a PyInstaller bundle.

* bundle: the folder ``resources`` in PyInstaller's data folder (https://pyinstaller.org/en/stable/runtime-information.html);
* wheel: the build puts the folder into the package, as ``quaero_desktop/_resources``;
* checkout: ``resources`` beside the package and ``pyproject.toml``.
"""

import sys
from pathlib import Path, PurePosixPath

import quaero_desktop
from quaero_desktop.domain.errors import BugError, KnownError


def resource(name: str) -> Path:
    """Return the path of a file or folder in ``resources/``.

    Args:
        name: relative, with forward slashes, for example ``icons/quaero.svg``.

    Raises:
        BugError: when it is not part of this installation, or *name* leads out of the folder.
    """
    parts = PurePosixPath(name)
    if not name or parts.is_absolute() or ".." in parts.parts or "\\" in name:
        raise BugError(f"“{name}” is no name of a resource.")
    path = resources_folder() / parts
    if not path.exists():
        raise BugError(f"The resource “{name}” is missing from this installation ({path}).")
    return path


def documentation_folder() -> Path:
    """Return the folder that holds the documentation, with the user guide in its folder ``guide``.

    A build puts it among the resources; in a checkout it is beside them.

    Raises:
        KnownError: this installation has none: whoever packaged it left it out.
        BugError: when this installation has no resources at all.
    """
    resources = resources_folder()
    for folder in (resources / "docs", resources.parent / "docs"):
        if (folder / "guide" / "README.md").is_file():
            return folder
    raise KnownError("This installation of Quaero came without its user guide.", "Install Quaero again to have it.")


def resources_folder() -> Path:
    """Return the folder that holds all resources.

    Raises:
        BugError: when this installation has none.
    """
    bundle = getattr(sys, "_MEIPASS", None)
    if bundle is not None:
        return Path(bundle) / "resources"
    package = Path(quaero_desktop.__file__).parent
    installed = package / "_resources"
    if installed.is_dir():
        return installed
    checkout = package.parent
    # Beside an installed package any folder named resources would be somebody else's.
    if (checkout / "pyproject.toml").is_file() and (checkout / "resources").is_dir():
        return checkout / "resources"
    raise BugError("This installation of Quaero has no resources.")

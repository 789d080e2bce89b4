"""The settings, for a front end that shows and changes them (O5)."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from quaero_desktop.domain.errors import LibraryError, UsageError
from quaero_desktop.infra import paths
from quaero_desktop.infra.paths import LibraryFiles
from quaero_desktop.infra.settings import info as known
from quaero_desktop.infra.settings import loading, saving
from quaero_desktop.infra.settings.info import SettingInfo as SettingInfo  # part of what is said here
from quaero_desktop.infra.settings.loading import SettingsProblem as SettingsProblem
from quaero_desktop.infra.settings.sections import Settings as Settings


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    """The settings in force, and what a person has to know to change them.

    Attributes:
        settings: what is in force: the file's, where the environment does not override it.
        file: where they are kept; it need not exist.
        problems: what could not be used.
        overridden: ``section.key`` to the environment variable that has the last word on it.
    """

    settings: Settings
    file: Path
    problems: tuple[SettingsProblem, ...]
    overridden: Mapping[str, str]

    def value(self, key: str) -> object:
        """Return the value in force of ``section.key``."""
        section, _, name = key.partition(".")
        return getattr(getattr(self.settings, section), name)


def read(environ: Mapping[str, str] | None = None) -> Preferences:
    """Read the settings anew; nothing here raises for what a person wrote."""
    environ = os.environ if environ is None else environ
    file = paths.settings_file(environ)
    loaded = loading.load(file, environ)
    unusable = {problem.key for problem in loaded.problems if problem.from_environment}
    overridden = {
        key: variable for key, variable in known.variables().items() if environ.get(variable) and key not in unusable
    }
    return Preferences(settings=loaded.settings, file=file, problems=loaded.problems, overridden=overridden)


def info(key: str) -> SettingInfo:
    """Return what is to be known about the setting ``section.key``.

    Raises:
        UsageError: there is none of that name.
    """
    return known.info(key)


def refusal(key: str, value: object) -> str:
    """Return what the setting ``section.key`` must be, as a sentence, when it cannot be *value*; else nothing."""
    try:
        known.checked(key, value)
    except UsageError:
        expected = known.info(key).expected
        return f"{expected[0].upper()}{expected[1:]}."
    return ""


def save(changes: Mapping[str, object], environ: Mapping[str, str] | None = None) -> Preferences:
    """Save some settings, and return those in force then.

    What is the default is not kept, so that a better one of a later version counts.

    Args:
        changes: ``section.key`` to the new value.
        environ: the environment.

    Raises:
        UsageError: a setting that does not exist, or a value that it cannot have.
        SettingsError: the file cannot be understood, read or written.
    """
    environ = os.environ if environ is None else environ
    kept = {key: None if known.info(key).default == value else value for key, value in changes.items()}
    saving.save(paths.settings_file(environ), kept)
    return read(environ)


class LibraryPlace(msgspec.Struct, frozen=True):
    """A folder that somebody would have as their library.

    Attributes:
        folder: its absolute path.
        exists: whether a library is there already.
    """

    folder: Path
    exists: bool


def library_place(folder: str | Path, current: Settings) -> LibraryPlace:
    """Return what would become of a library in *folder*. Creates nothing.

    Args:
        folder: as chosen.
        current: the settings in force.

    Raises:
        KnownError: it is no place for a library, and why.
    """
    files = LibraryFiles(paths.library_folder(folder, {}))
    if files.folder.exists() and not files.folder.is_dir():
        raise LibraryError(f"“{files.folder}” is a file; a library is a folder.", "Choose another one.")
    if not current.storage.allow_network_folder:
        paths.refuse_unsafe_folder(files.folder)
    nearest = next(each for each in (files.folder, *files.folder.parents) if each.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise LibraryError(f"“{nearest}” cannot be written.", "Choose another folder, or change its permissions.")
    return LibraryPlace(files.folder, files.database.exists())


def place_of(setting: str) -> LibraryPlace:
    """Return which library is opened when ``[storage] library`` is *setting* and nothing else names one."""
    files = LibraryFiles(paths.library_folder(None, {}, setting))
    return LibraryPlace(files.folder, files.database.exists())

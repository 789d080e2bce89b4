"""Resources are found in a checkout, in a wheel and in a bundle."""

import sys

import pytest

import quaero_desktop
from quaero_desktop.domain.errors import BugError, KnownError
from quaero_desktop.infra.resources import documentation_folder, resource, resources_folder


@pytest.fixture
def install(tmp_path, monkeypatch):
    """A package folder that claims to be the installed one."""
    package = tmp_path / "quaero_desktop"
    package.mkdir()
    monkeypatch.setattr(quaero_desktop, "__file__", str(package / "__init__.py"))
    return package


def with_icon(folder):
    (folder / "icons").mkdir(parents=True)
    (folder / "icons" / "quaero.svg").write_text("<svg/>")
    return folder


def test_a_checkout_has_them_beside_the_package(install):
    (install.parent / "pyproject.toml").touch()
    folder = with_icon(install.parent / "resources")
    assert resource("icons/quaero.svg") == folder / "icons" / "quaero.svg"


def test_a_wheel_has_them_inside_the_package_and_never_takes_those_of_a_neighbour(install):
    with_icon(install.parent / "resources")
    with pytest.raises(BugError):
        resources_folder()
    folder = with_icon(install / "_resources")
    assert resource("icons/quaero.svg") == folder / "icons" / "quaero.svg"


def test_a_bundle_has_them_in_its_data_folder(install, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "bundle"), raising=False)
    folder = with_icon(tmp_path / "bundle" / "resources")
    assert resource("icons/quaero.svg") == folder / "icons" / "quaero.svg"
    assert resource("icons").is_dir()


def test_this_checkout_has_resources():
    assert resources_folder().is_dir()


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../pyproject.toml", "icons/../../x", "icons\\quaero.svg"])
def test_a_name_never_leads_out_of_the_folder(name):
    with pytest.raises(BugError, match="no name"):
        resource(name)


def test_a_missing_one_is_our_bug(install):
    with_icon(install / "_resources")
    with pytest.raises(BugError, match=r"icons/other\.svg"):
        resource("icons/other.svg")


def with_guide(folder):
    (folder / "guide").mkdir(parents=True)
    (folder / "guide" / "README.md").write_text("# User guide")
    return folder


def test_the_guide_is_among_the_resources_of_a_wheel_and_of_a_bundle(install, tmp_path, monkeypatch):
    folder = with_guide(with_icon(install / "_resources") / "docs")
    assert documentation_folder() == folder
    folder = with_guide(with_icon(tmp_path / "bundle" / "resources") / "docs")
    monkeypatch.setattr(sys, "_MEIPASS", str(tmp_path / "bundle"), raising=False)
    assert documentation_folder() == folder


def test_the_guide_is_beside_the_resources_of_a_checkout(install):
    (install.parent / "pyproject.toml").touch()
    with_icon(install.parent / "resources")
    folder = with_guide(install.parent / "docs")
    assert documentation_folder() == folder


def test_an_installation_without_the_guide_says_so(install):
    with_icon(install / "_resources")
    with pytest.raises(KnownError, match="without its user guide"):
        documentation_folder()

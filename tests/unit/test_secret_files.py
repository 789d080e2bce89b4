"""Secrets handed over as files: only what is called like one is read, and only where nobody else can read it (J8)."""

import os
import sys
from pathlib import Path

import pytest

from quaero_desktop.domain.errors import SecretError
from quaero_desktop.infra import secretfiles

TEXT = "s3cr3t-Token.9x"


def put(folder: Path, name: str, text: str = TEXT, mode: int = 0o600) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_no_variable_names_no_folder(tmp_path):
    assert secretfiles.folder({}) is None
    assert secretfiles.folder({"QUAERO_SECRETS": ""}) is None
    assert secretfiles.folder({"QUAERO_SECRETS": str(tmp_path)}) == tmp_path


def test_a_variable_that_names_no_folder_is_named_itself(tmp_path):
    with pytest.raises(SecretError, match="which QUAERO_SECRETS names, is no folder"):
        secretfiles.folder({"QUAERO_SECRETS": str(put(tmp_path, "1"))})


def test_a_file_holds_what_a_person_would_paste(tmp_path):
    put(tmp_path, "My wiki", "\ufeffsid=abc\nsecond line")
    secret = secretfiles.read(tmp_path, "My wiki")
    assert secret is not None
    assert secret.reveal() == "sid=abc\nsecond line"
    assert "abc" not in repr(secret)


@pytest.mark.parametrize("name", ["2", "", ".", "..", "../1", "a/1", "..\\1", "1\0"])
def test_nothing_but_a_file_of_that_name_in_that_very_folder_is_read(tmp_path, name):
    (tmp_path / "a").mkdir()
    (tmp_path / "secrets").mkdir()
    put(tmp_path, "1")
    put(tmp_path / "a", "1")
    assert secretfiles.read(tmp_path / "secrets", name) is None


def test_what_is_no_file_is_told(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(SecretError, match="cannot be read"):
        secretfiles.read(tmp_path, "1")


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
@pytest.mark.parametrize("mode", [0o604, 0o644, 0o606, 0o666])
def test_a_file_that_others_can_read_is_not_used(tmp_path, mode):
    path = put(tmp_path, "1", mode=mode)
    with pytest.raises(SecretError, match="Others may read") as refused:
        secretfiles.read(tmp_path, "1")
    assert refused.value.hint == f"Close it to them: chmod 600 {path}"
    assert TEXT not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="no such permissions")
def test_a_group_may_read_only_what_is_the_systems_own(tmp_path, monkeypatch):
    """As in the folder of credentials that systemd makes for a service."""
    path = put(tmp_path, "1", mode=0o440)
    fields = list(path.stat())
    for owner, is_used in ((0, True), (1000, False)):
        told = os.stat_result([*fields[:4], owner, *fields[5:]])
        monkeypatch.setattr(os, "fstat", lambda _, told=told: told)
        if is_used:
            assert secretfiles.read(tmp_path, "1") is not None
        else:
            with pytest.raises(SecretError, match="Others may read"):
                secretfiles.read(tmp_path, "1")

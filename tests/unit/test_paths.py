"""Where the library and the settings are, and which folders are refused."""

import errno
import os
import sys
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest

from quaero_desktop.domain.errors import DiskFullError, LibraryError, LibraryReadOnlyError, UsageError
from quaero_desktop.infra.paths import (
    LibraryFiles,
    library_error,
    library_folder,
    mounts_from_bsd,
    network_reason,
    private_folder,
    refuse_unsafe_folder,
    settings_file,
    synced_reason,
)

LOCAL = "/dev/sda1 / ext4 rw,relatime 0 0\n"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="modes and mounts of POSIX")


class TestLibraryFolder:
    def test_an_explicit_folder_wins(self, tmp_path):
        assert library_folder(tmp_path / "a", {"QUAERO_LIBRARY": str(tmp_path / "b")}) == tmp_path / "a"

    def test_then_the_environment(self, tmp_path):
        assert library_folder(None, {"QUAERO_LIBRARY": str(tmp_path)}) == tmp_path

    @pytest.mark.parametrize("explicit", [None, ""])
    def test_else_the_data_folder_of_the_platform(self, explicit, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        folder = library_folder(explicit, {"QUAERO_LIBRARY": ""})
        assert folder.name == "Quaero"
        assert folder.is_absolute()
        if sys.platform == "linux":
            assert folder == tmp_path / "Quaero"

    def test_a_relative_folder_becomes_absolute_and_a_tilde_the_home_folder(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("USERPROFILE", str(tmp_path))
        assert library_folder("notes", {}) == tmp_path / "notes"
        assert library_folder("~/notes", {}) == tmp_path / "notes"

    @pytest.mark.parametrize("text", ["~nobody-of-that-name/x", "a\x00b"])
    def test_what_is_no_path_is_a_usage_error(self, text):
        with pytest.raises(UsageError):
            library_folder(text, {})

    def test_naming_the_files_of_a_library_creates_nothing(self, tmp_path):
        files = LibraryFiles(tmp_path / "library")
        names = [path.name for path in (files.database, files.lock, files.backups, files.logs)]
        assert names == ["library.db", "library.lock", "backups", "logs"]
        assert not files.folder.exists()


class TestSettingsFile:
    def test_the_environment_names_a_file(self, tmp_path):
        assert settings_file({"QUAERO_CONFIG": str(tmp_path / "mine.toml")}) == tmp_path / "mine.toml"

    def test_or_the_folder_it_is_in(self, tmp_path):
        assert settings_file({"QUAERO_CONFIG": str(tmp_path)}) == tmp_path / "settings.toml"

    def test_else_it_is_in_the_config_folder_wherever_the_library_is(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        path = settings_file({"QUAERO_LIBRARY": "/elsewhere"})
        assert (path.parent.name, path.name) == ("Quaero", "settings.toml")


class TestPrivateFolder:
    @posix_only
    def test_what_is_missing_is_made_for_this_user_only(self, tmp_path):
        folder = private_folder(tmp_path / "a" / "b")
        assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]

    @posix_only
    def test_a_folder_that_is_there_keeps_its_mode(self, tmp_path):
        tmp_path.chmod(0o755)
        private_folder(tmp_path)
        assert tmp_path.stat().st_mode & 0o777 == 0o755

    def test_a_file_in_the_way_is_a_clear_error(self, tmp_path):
        (tmp_path / "file").write_text("mine")
        for path in (tmp_path / "file", tmp_path / "file" / "below"):
            with pytest.raises(LibraryError):
                private_folder(path)
        assert (tmp_path / "file").read_text() == "mine"

    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            (errno.EACCES, LibraryReadOnlyError),
            (errno.EROFS, LibraryReadOnlyError),
            (errno.ENOSPC, DiskFullError),
            (errno.EIO, LibraryError),
        ],
    )
    def test_a_fault_of_the_system_says_what_to_do(self, number, kind):
        error = library_error(OSError(number, os.strerror(number)), Path("/library"))
        assert type(error) is kind
        assert "/library" in error.message.replace("\\", "/")
        assert error.hint


class TestNetworkFolders:
    @pytest.mark.parametrize(
        "mount",
        [
            "server:/export /mnt/x nfs4 rw 0 0",
            "server:/export /mnt/x nfs rw 0 0",
            "//server/share /mnt/x cifs rw 0 0",
            "//server/share /mnt/x smb3 rw 0 0",
            "me@server:/ /mnt/x fuse.sshfs rw 0 0",
            "remote: /mnt/x fuse.rclone rw 0 0",
            "https://server/dav /mnt/x fuse rw 0 0",
            "ceph-fuse /mnt/x fuse.ceph-fuse rw 0 0",
        ],
    )
    def test_a_network_file_system_is_one(self, mount):
        assert network_reason(PurePosixPath("/mnt/x/library"), LOCAL + mount)
        assert network_reason(PurePosixPath("/mnt/xy/library"), LOCAL + mount) is None

    @pytest.mark.parametrize(
        "mount",
        [
            "overlay / overlay rw 0 0",
            "root / 9p rw,trans=virtio 0 0",
            "share /mnt/x virtiofs rw 0 0",
            "/dev/sdb1 /mnt/x fuseblk rw 0 0",
            "gocryptfs /mnt/x fuse.gocryptfs rw 0 0",
            "tmpfs /mnt/x tmpfs rw 0 0",
            "zpool/home /mnt/x zfs rw 0 0",
        ],
    )
    def test_the_disks_of_machines_and_containers_are_none(self, mount):
        assert network_reason(PurePosixPath("/mnt/x/library"), LOCAL + mount) is None

    def test_the_longest_mount_point_decides_in_whatever_order(self):
        mounts = ["server:/home /home nfs4 rw 0 0", "/dev/sdb1 /home/me/local ext4 rw 0 0", LOCAL.strip()]
        for table in (mounts, mounts[::-1]):
            assert network_reason(PurePosixPath("/home/me/local/x"), "\n".join(table)) is None
            assert network_reason(PurePosixPath("/home/me/x"), "\n".join(table))

    def test_of_two_mounts_at_one_place_the_later_hides_the_other(self):
        automounted = "auto.home /home autofs rw 0 0\nserver:/home /home nfs4 rw 0 0"
        assert network_reason(PurePosixPath("/home/x"), LOCAL + automounted)

    def test_blanks_in_mount_points_are_understood(self):
        assert network_reason(PurePosixPath("/mnt/my share/x"), "//s/a /mnt/my\\040share cifs rw 0 0")

    def test_a_table_that_makes_no_sense_is_no_reason(self):
        assert network_reason(PurePosixPath("/x"), "\n\nnonsense\n/a /b\n") is None

    def test_a_share_of_windows_is_one(self):
        assert network_reason(PureWindowsPath(r"\\server\share\library"), "")

    def test_what_bsd_lists_is_understood(self):
        listing = (
            "/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)\n"
            "//me@server/my%20share on /Volumes/my share (smbfs, nodev, nosuid, mounted by me)\n"
            "map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)\n"
        )
        mounts = mounts_from_bsd(listing)
        assert network_reason(PurePosixPath("/Volumes/my share/library"), mounts)
        assert network_reason(PurePosixPath("/Users/me/library"), mounts) is None


class TestSyncedFolders:
    @pytest.mark.parametrize(
        "path",
        [
            "/home/me/Dropbox/library",
            "/home/me/Dropbox (Personal)/library",
            "/Users/me/OneDrive - Company/library",
            "/Users/me/Library/Mobile Documents/com~apple~CloudDocs/library",
            "/Users/me/Library/CloudStorage/GoogleDrive-me/library",
            "/home/me/Google Drive/library",
            "/home/me/Nextcloud",
        ],
    )
    def test_a_cloud_clients_folder_is_one(self, path):
        assert synced_reason(PurePosixPath(path))

    @pytest.mark.parametrize(
        "path", ["/home/me/library", "/src/dropbox-sdk/x", "/home/me/onedriver/x", "/home/me/my dropboxes"]
    )
    def test_a_name_that_only_resembles_one_is_none(self, path):
        assert synced_reason(PurePosixPath(path)) is None


class TestRefusing:
    def test_a_local_folder_passes_even_if_it_is_not_there_yet(self, tmp_path):
        refuse_unsafe_folder(tmp_path / "new" / "library", mounts=LOCAL)

    def test_this_very_machines_disk_passes(self, tmp_path):
        refuse_unsafe_folder(tmp_path)

    def test_the_error_names_the_reason_and_the_way_round_it(self, tmp_path):
        with pytest.raises(LibraryError, match="nfs4") as caught:
            refuse_unsafe_folder(tmp_path, mounts=f"server:/x {tmp_path.resolve()} nfs4 rw 0 0")
        assert "allow_network_folder" in caught.value.hint

    @posix_only
    def test_a_link_into_a_synchronised_folder_is_seen_through(self, tmp_path):
        (tmp_path / "Dropbox").mkdir()
        (tmp_path / "innocent").symlink_to(tmp_path / "Dropbox")
        with pytest.raises(LibraryError, match="Dropbox"):
            refuse_unsafe_folder(tmp_path / "innocent" / "library", mounts=LOCAL)

    @pytest.mark.parametrize(("marker", "client"), [(".stfolder", "Syncthing"), (".dropbox.cache", "Dropbox")])
    def test_a_synchronised_folder_of_any_name_is_known_by_its_marker(self, marker, client, tmp_path):
        (tmp_path / marker).mkdir()
        with pytest.raises(LibraryError, match=client):
            refuse_unsafe_folder(tmp_path / "deep" / "library", mounts=LOCAL)

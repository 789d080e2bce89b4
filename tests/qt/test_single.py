"""A second start raises the first window and hands over its addresses."""

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalSocket
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from quaero_desktop.ui import single
from quaero_desktop.ui.single import FirstWindow, hand_over

SECOND_START = """
import sys
from pathlib import Path
from PySide6.QtCore import QCoreApplication
from quaero_desktop.ui.single import hand_over
application = QCoreApplication([])
sys.exit(0 if hand_over(Path(sys.argv[1]), sys.argv[2:]) else 9)
"""


def test_without_a_first_window_there_is_nobody_to_hand_over_to(tmp_path: Path, qapp: QApplication) -> None:
    assert not hand_over(tmp_path, [])


def test_a_second_process_hands_over_its_addresses(tmp_path: Path, qtbot: QtBot) -> None:
    first = FirstWindow(tmp_path)
    with qtbot.waitSignal(first.started_again, timeout=20_000) as given:
        second = subprocess.Popen([sys.executable, "-c", SECOND_START, str(tmp_path), "one", "two"])
    assert given.args == [["one", "two"]]
    qtbot.waitUntil(lambda: second.poll() is not None, timeout=20_000)
    assert second.returncode == 0
    first.close()
    first.deleteLater()


def test_another_library_has_another_window(tmp_path: Path, qapp: QApplication) -> None:
    first = FirstWindow(tmp_path / "one")
    assert not hand_over(tmp_path / "two", [])
    first.close()
    first.deleteLater()


@pytest.mark.parametrize("said", [b"no json\n", b"{}\n", b"[1]\n", b'{"urls": 3}\n', b"x" * 300_000])
def test_nonsense_is_refused_and_the_next_start_is_heard(tmp_path: Path, qtbot: QtBot, said: bytes) -> None:
    first = FirstWindow(tmp_path)
    heard: list[list[str]] = []
    first.started_again.connect(heard.append)
    rude = QLocalSocket()
    rude.connectToServer(single._name(tmp_path))
    rude.write(said)
    qtbot.waitUntil(lambda: rude.state() is QLocalSocket.LocalSocketState.UnconnectedState, timeout=20_000)
    assert [urls for urls in heard if urls] == []
    polite = QLocalSocket()
    polite.connectToServer(single._name(tmp_path))
    polite.write(b'{"urls": ["three"]}\n')
    qtbot.waitUntil(lambda: ["three"] in heard, timeout=20_000)
    first.close()
    first.deleteLater()

"""Whether a window can be opened here: Qt aborts where it finds no display or lacks a library, so we look first."""

import ctypes
import os
import re
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

_PACKAGES = {
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libOpenGL.so.0": "libopengl0",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libfreetype.so.6": "libfreetype6",
    "libglib-2.0.so.0": "libglib2.0-0",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-xinerama.so.0": "libxcb-xinerama0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
}
"""What Qt links to, and the packages of Debian and Ubuntu that hold it."""

_FOR_X11 = tuple(name for name in _PACKAGES if name.startswith(("libxcb", "libxkbcommon-x11")))
_MISSING = re.compile(r"(?P<name>lib[\w.+-]+\.so[.\d]*): cannot open shared object file")
_NO_DISPLAY = "There is no display to open a window on."


def obstacle(environ: Mapping[str, str], platform: str = sys.platform) -> str | None:
    """Return why Qt could not open a window here, as a sentence, or None when nothing is known to be in the way.

    Args:
        environ: the environment.
        platform: as ``sys.platform``.
    """
    if not platform.startswith(("linux", "freebsd")):
        return None
    chosen = environ.get("QT_QPA_PLATFORM", "")
    if chosen and not chosen.startswith(("xcb", "wayland")):
        return None  # offscreen, vnc and the like need no display
    if not chosen.startswith("xcb") and environ.get("WAYLAND_DISPLAY") and _wayland_answers(environ):
        return None
    if not environ.get("DISPLAY") or chosen.startswith("wayland"):
        return _NO_DISPLAY
    missing = [name for name in _FOR_X11 if _load(name) is None]
    if missing:
        return without_libraries(*missing)
    if not _x11_answers(environ["DISPLAY"]):
        return f"The display {environ['DISPLAY']} cannot be opened."
    return None


def without_library(error: ImportError) -> str:
    """Return why Qt could not be imported, as a sentence that names the package to install where we know it."""
    found = _MISSING.search(str(error))
    return without_libraries(found["name"]) if found else f"The window cannot be loaded: {error}."


def without_libraries(*names: str) -> str:
    """Return a sentence that says which libraries are missing, and the packages that hold them."""
    packages = " ".join(dict.fromkeys(_PACKAGES[name] for name in names if name in _PACKAGES))
    sentence = f"The window needs {', '.join(names)}, which this system lacks."
    return f"{sentence} On Debian and Ubuntu: apt install {packages}" if packages else sentence


def _wayland_answers(environ: Mapping[str, str]) -> bool:
    # A path, or a name in the folder of the session: wl_display_connect(3).
    path = Path(environ.get("XDG_RUNTIME_DIR", ""), environ["WAYLAND_DISPLAY"])
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(2)
        try:
            client.connect(os.fspath(path))
        except OSError:
            return False
    return True


def _load(name: str) -> ctypes.CDLL | None:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def _x11_answers(display: str) -> bool:
    xcb = _load("libxcb.so.1")
    if xcb is None:
        return False
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    try:
        return int(xcb.xcb_connection_has_error(connection)) == 0
    finally:
        xcb.xcb_disconnect(connection)

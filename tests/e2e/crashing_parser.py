"""A parser as the product's own, but for pages that do to their process what their path says."""

import os
import signal
import time

from quaero_desktop.content import extract
from quaero_desktop.domain.pages import PageInput, ParsedPage

EXITS = "/page/5.html"
DIES = "/page/6.html"
HANGS = "/page/7.html"


def parse(page: PageInput) -> ParsedPage:
    """Parse *page*, or crash, or hang."""
    if page.url.endswith(EXITS):
        os._exit(3)
    if page.url.endswith(DIES):
        os.kill(os.getpid(), signal.SIGKILL)
    if page.url.endswith(HANGS):
        time.sleep(3600)
    return extract.parse(page)

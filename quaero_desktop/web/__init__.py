"""Everything that talks to the web: the only user of httpx, aiohttp, protego and truststore."""

import importlib

from quaero_desktop.web.authorities import without_authorities

# aiohttp makes two contexts while it is imported (https://github.com/aio-libs/aiohttp/pull/9029), for connections that
# bring none of their own; ours do. That was a fifth of all that a crawl has to import before it begins.
with without_authorities():
    importlib.import_module("aiohttp")

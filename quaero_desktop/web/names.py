"""Looking up host names: once, off the loop, and under a policy that sees each address before it is used."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressPolicy = Callable[[str, Sequence[Address]], None]
"""Gets a host and the addresses about to be used for it; raises a KnownError to refuse them."""
Lookup = Callable[[str], Sequence[str]]
"""Returns the addresses of a host name; raises OSError. Runs in a thread of its own."""

_KEEP_SECONDS = 60.0
_MAX_KEPT = 1_000
_MAX_THREADS = 8


def allow_every_address(host: str, addresses: Sequence[Address]) -> None:
    """Refuse nothing: the default policy."""


def system_lookup(host: str) -> list[str]:
    """Return the addresses that the operating system knows for *host*, in its order of preference.

    Raises:
        OSError: when there are none.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def literal_address(host: str) -> Address | None:
    """Return the address that *host* (as it stands in a canonical URL) spells out, or None for a name."""
    bare = host[1:-1] if host.startswith("[") else host
    # A WHATWG host whose last label is a number is an IPv4 address and is written with four of them.
    if ":" not in bare and not bare.rpartition(".")[2].isdigit():
        return None
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        return None


class CheckedResolver(AbstractResolver):
    """Resolves names for aiohttp. aiohttp connects to exactly the addresses returned here: the ones that were checked.

    Each look-up has a daemon thread of its own: getaddrinfo can hang for half a minute and cannot be interrupted, and
    the threads of an executor would hold up the end of the process for as long. At most eight run at once.

    Args:
        policy: asked before each new connection.
        lookup: how a name becomes addresses.
    """

    def __init__(self, policy: AddressPolicy, lookup: Lookup) -> None:
        self._policy = policy
        self._lookup = lookup
        self._kept: dict[str, tuple[float, Sequence[Address]]] = {}
        self._under_way: dict[str, asyncio.Future[Sequence[Address]]] = {}
        self._slots = asyncio.Semaphore(_MAX_THREADS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the checked addresses of *host*.

        Raises:
            OSError: when the name is unknown.
            KnownError: when the policy refuses.
        """
        addresses = await self._addresses(host)
        self._policy(host, addresses)
        return [
            ResolveResult(
                hostname=host,
                host=str(address),
                port=port,
                family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for address in addresses
        ]

    async def _addresses(self, host: str) -> Sequence[Address]:
        if (kept := self._still_kept(host)) is not None:
            return kept
        if host not in self._under_way:
            await self._slots.acquire()
            if host in self._under_way or self._still_kept(host) is not None:
                self._slots.release()
                return await self._addresses(host)
            self._start(host)
        # Shielded: whoever gives up waiting must not take the answer from the others.
        return await asyncio.shield(self._under_way[host])

    def _still_kept(self, host: str) -> Sequence[Address] | None:
        kept = self._kept.get(host)
        if kept is None or asyncio.get_running_loop().time() - kept[0] >= _KEEP_SECONDS:
            return None
        return kept[1]

    def _start(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[Address]] = loop.create_future()

        def finish(addresses: Sequence[Address] | None, error: Exception | None) -> None:
            thread.join()  # it is at its last statement
            self._slots.release()
            if answer.done():
                return  # closed meanwhile
            del self._under_way[host]
            if addresses is None:
                answer.set_exception(error or OSError("no address"))
                answer.exception()  # nobody may be waiting any more
            else:
                if len(self._kept) >= _MAX_KEPT:
                    self._kept.clear()
                self._kept[host] = (loop.time(), addresses)
                answer.set_result(addresses)

        def look_up() -> None:
            addresses: Sequence[Address] | None = None
            error: Exception | None = None
            try:
                # A link-local address carries its interface after a per cent sign.
                texts = [text.partition("%")[0] for text in self._lookup(host)]
                addresses = tuple(ipaddress.ip_address(text) for text in texts) or None
            except UnicodeError:
                error = socket.gaierror(socket.EAI_NONAME, "not a valid host name")
            except Exception as caught:
                error = caught
            # A loop that was closed meanwhile raises: nobody is left to tell.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, addresses, error)

        thread = threading.Thread(target=look_up, name="quaero-name-lookup", daemon=True)
        self._under_way[host] = answer
        thread.start()

    async def close(self) -> None:
        """Forget everything. A look-up that hangs in the operating system is left behind; it holds nothing up."""
        for answer in self._under_way.values():
            answer.set_exception(OSError("closed"))
            answer.exception()  # nobody may be waiting any more
        self._under_way.clear()
        self._kept.clear()

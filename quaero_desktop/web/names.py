"""Looking up host names: once, off the loop, and under a policy that sees each address before it is used."""

import asyncio
import contextlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

from aiohttp.abc import AbstractResolver, ResolveResult

from quaero_desktop.domain.errors import KnownError
from quaero_desktop.domain.text import single_line

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
AddressPolicy = Callable[[str, Sequence[Address]], None]
"""Gets a host and the addresses about to be used for it; raises a KnownError to refuse them."""
Lookup = Callable[[str], Sequence[str]]
"""Returns the addresses of a host name; raises OSError. Runs in a thread of its own."""

_KEEP_SECONDS = 60.0
_MAX_KEPT = 1_000
_MAX_THREADS = 8

# What ipaddress leaves out of its private networks in one version of Python or another; all from the registry
# https://www.iana.org/assignments/iana-ipv4-special-registry
_OTHER_PRIVATE_V4 = tuple(
    ipaddress.IPv4Network(text) for text in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "224.0.0.0/3")
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")
"""All that was ever given out for the Internet; loopback, link-local, unique local and multicast lie outside."""
_OTHER_PRIVATE_V6 = tuple(ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20"))
_IN_THE_LAST_32_BITS = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 7915)
        "64:ff9b::/96",  # NAT64 (RFC 6052): what a network without IPv4 makes of every public IPv4 address
    )
)
_6TO4 = ipaddress.IPv6Network("2002::/16")


def allow_every_address(host: str, addresses: Sequence[Address]) -> None:
    """Refuse nothing: the default policy."""


def is_public(address: Address) -> bool:
    """Return whether *address* is one that anybody on the Internet could give out.

    Loopback, private, link-local, shared (carrier-grade NAT), multicast, documentation and reserved ones are not, nor
    is an IPv6 address that stands for such an IPv4 one.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if any(address in network for network in _IN_THE_LAST_32_BITS):
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address in _6TO4:
            return is_public(ipaddress.IPv4Address(int(address) >> 80 & 0xFFFF_FFFF))
        return address in _GLOBAL_V6 and not any(address in network for network in _OTHER_PRIVATE_V6)
    return not address.is_private and not any(address in network for network in _OTHER_PRIVATE_V4)


def refuse_private(host: str, addresses: Sequence[Address]) -> None:
    """Refuse a host with any address that is not public: the policy of crawls that began on the public web.

    One is enough: a server that mixes them lets the connection itself choose.

    Raises:
        KnownError: naming the host.
    """
    if not all(is_public(address) for address in addresses):
        raise KnownError(
            f"“{single_line(host, 100)}” is at a private address, where a crawl of a public site must not go.",
            "If it is meant, start a crawl with that address.",
        )


def system_lookup(host: str) -> list[str]:
    """Return the addresses that the operating system knows for *host*, in its order of preference.

    Raises:
        OSError: when there are none.
    """
    found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def literal_address(host: str) -> Address | None:
    """Return the address that *host* (as it stands in a canonical URL) spells out, or None for a name.

    Raises:
        ValueError: it ends in a number and is no address in its usual spelling. The operating system would take
            ``127.1`` for one, past every policy; canonical URLs hold none of those.
    """
    bare = host[1:-1] if host.startswith("[") else host.removesuffix(".")
    # A WHATWG host whose last label is a number is an IPv4 address and is written with four of them.
    if ":" not in bare and not bare.rpartition(".")[2].isdigit():
        return None
    return ipaddress.ip_address(bare)


class Names:
    """Looks up host names and keeps the answers for a minute.

    Each look-up has a daemon thread of its own: getaddrinfo can hang for half a minute and cannot be interrupted, and
    the threads of an executor would hold up the end of the process for as long. At most eight run at once.

    Args:
        lookup: how a name becomes addresses.
    """

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._kept: dict[str, tuple[float, Sequence[Address]]] = {}
        self._under_way: dict[str, asyncio.Future[Sequence[Address]]] = {}
        self._slots = asyncio.Semaphore(_MAX_THREADS)

    async def addresses(self, host: str) -> Sequence[Address]:
        """Return the addresses of *host*, at least one.

        Raises:
            OSError: when the name is unknown.
        """
        if (kept := self._still_kept(host)) is not None:
            return kept
        if host not in self._under_way:
            await self._slots.acquire()
            if host in self._under_way or self._still_kept(host) is not None:
                self._slots.release()
                return await self.addresses(host)
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

    def close(self) -> None:
        """Forget everything. A look-up that hangs in the operating system is left behind; it holds nothing up."""
        for answer in self._under_way.values():
            answer.set_exception(OSError("closed"))
            answer.exception()  # nobody may be waiting any more
        self._under_way.clear()
        self._kept.clear()


class CheckedResolver(AbstractResolver):
    """Resolves names for aiohttp. aiohttp connects to exactly the addresses returned here: the ones that were checked.

    So an answer that changes between the check and the connection changes nothing.

    Args:
        policy: asked before each new connection.
        names: where the addresses come from.
    """

    def __init__(self, policy: AddressPolicy, names: Names) -> None:
        self._policy = policy
        self._names = names

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the checked addresses of *host*.

        Raises:
            OSError: when the name is unknown.
            KnownError: when the policy refuses.
        """
        addresses = await self._names.addresses(host)
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

    async def close(self) -> None:
        """Nothing to close: the names belong to whoever made them."""

"""A language model that answers in the manner of OpenAI: llama.cpp, Ollama and many others do.

There is none unless a person names its address, and nothing is sent anywhere but there: no redirect is followed, no
proxy of the environment is used, and the key is bound to the origin that it was given for. What comes back is text from
a stranger: its size and its time are bounded, and it is cleaned before anybody sees it.
"""

import asyncio
import contextlib
import re
from typing import Any, Final, NoReturn

import httpx
import msgspec

from quaero_desktop.domain.errors import ModelError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.domain.text import single_line
from quaero_desktop.domain.urls import origin_of
from quaero_desktop.infra.redact import mask, redact
from quaero_desktop.web.transport import FRESH_CONNECTION, AiohttpTransport, NameLookupError, TlsError

MAX_ANSWER_BYTES: Final = 1_000_000
MAX_ANSWER_TOKENS: Final = 1_024
"""What a model may write: a summary has some hundred tokens, and one that thinks aloud needs the rest."""

_CONNECT_SECONDS = 10.0
_TOO_LONG = re.compile(r"context|too long|too many tokens|maximum.{0,20}(?:length|tokens)|exceed", re.I)
_NOT_THERE = re.compile(r"\bmodel\b", re.I)


class TooLongError(ModelError):
    """The model cannot read that much at a time."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message, "Set summaries.context_tokens to what the model can read.", cause=Cause.TOO_LARGE, is_passing=False
        )


class LanguageModel:
    """One model behind one endpoint.

    Args:
        endpoint: the address of the server, with or without ``/v1``: ``scheme://host[:port][/path]``.
        model: which model to ask; empty for the first that the server offers.
        key: what the server asks for, or empty.
        timeout_seconds: the most time for one answer, from the request to the last byte.
        transport: what sends the requests; None for ours. It is closed with the model.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        model: str = "",
        key: str = "",
        timeout_seconds: float = 120.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._base = _base(endpoint)
        self._model = model
        self._key = key
        self._timeout = timeout_seconds
        self._transport = transport or AiohttpTransport(connections=16)
        self._resolving = asyncio.Lock()

    def __repr__(self) -> str:
        return f"LanguageModel({self.host!r}, {self._model!r})"

    @property
    def host(self) -> str:
        """Where it is, for a person: host and port."""
        return origin_of(self._base).partition("://")[2]

    async def name(self) -> str:
        """Return the name of the model that is asked.

        Raises:
            ModelError: the server does not say which ones it has, or has none.
        """
        async with self._resolving:
            if not self._model:
                offered = await self.models()
                if not offered:
                    raise ModelError(
                        f"The server at {self.host} offers no language model.",
                        "Load one there, or name it in the settings (summaries.model).",
                        cause=Cause.NOT_FOUND,
                    )
                self._model = offered[0]
        return self._model

    async def models(self) -> tuple[str, ...]:
        """Return the models that the server offers, in its order.

        Raises:
            ModelError: it is away, refuses, or answers with nonsense.
        """
        answer = await self._ask("GET", "/models", None)
        listed = answer.get("data", answer.get("models"))
        if not isinstance(listed, list):
            self._nonsense("it lists no models")
        found = [entry.get("id", entry.get("name")) if isinstance(entry, dict) else entry for entry in listed[:1000]]
        return tuple(single_line(name, 200) for name in found if isinstance(name, str) and name.strip())

    async def check(self) -> None:
        """Find out whether the server answers at all, and has the model that was named.

        Raises:
            ModelError: it does not.
        """
        try:
            offered = await self.models()
        except ModelError as error:
            # Not every server lists its models; whether it can be used shows when it is.
            if error.cause in (Cause.NOT_FOUND, Cause.HTTP_CLIENT_ERROR, Cause.PROTOCOL) and self._model:
                return
            raise
        if self._model and offered and not _is_among(self._model, offered):
            raise self._unknown_model(offered)

    async def chat(self, system: str, user: str) -> str:
        """Return what the model answers, as it is: untrusted text of at most a megabyte.

        Args:
            system: what it is to do.
            user: what it is to do that with.

        Raises:
            TooLongError: it cannot read that much.
            ModelError: it is away, refuses, takes too long, or answers with nonsense.
        """
        answer = await self._ask(
            "POST",
            "/chat/completions",
            {
                "model": await self.name(),
                "messages": [{"role": "system", "content": system}, {"role": "user", "content": user}],
                "temperature": 0,
                "max_tokens": MAX_ANSWER_TOKENS,
                "stream": False,
            },
        )
        try:
            content = answer["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            self._nonsense("it holds no message")
        if not isinstance(content, str):
            self._nonsense("its message is no text")
        return content

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        extensions = {
            "timeout": {"connect": min(_CONNECT_SECONDS, self._timeout), "read": None, "write": None, "pool": None},
            # A kept connection that was closed meanwhile would be a failure of nobody's.
            FRESH_CONNECTION: True,
        }
        try:
            request = httpx.Request(method, self._base + path, headers=headers, content=content, extensions=extensions)
        except httpx.InvalidURL:
            raise ModelError(
                "The address of the language model is no web address.",
                "Check summaries.endpoint: its host, and the port behind it.",
                cause=Cause.BAD_URL,
            ) from None
        try:
            async with asyncio.timeout(self._timeout):
                status, received = await self._exchange(request)
        except TimeoutError:
            raise ModelError(
                f"The language model at {self.host} did not answer within {self._timeout:g} seconds.",
                "Give it more time (summaries.timeout_seconds), or use a smaller model.",
                cause=Cause.TIMEOUT,
                is_passing=True,
            ) from None
        except httpx.TransportError as error:
            raise self._away(error) from None
        if 200 <= status < 300:
            try:
                answer = msgspec.json.decode(received)
            except (msgspec.MsgspecError, ValueError, RecursionError):
                self._nonsense("it is no JSON")
            if not isinstance(answer, dict):
                self._nonsense("it is no JSON object")
            return answer
        raise await self._refusal(status, received, path)

    async def _exchange(self, request: httpx.Request) -> tuple[int, bytes]:
        response = await self._transport.handle_async_request(request)
        received = bytearray()
        try:
            async for chunk in response.aiter_raw():
                received += chunk
                if len(received) > MAX_ANSWER_BYTES:
                    raise ModelError(
                        f"The answer of the language model at {self.host} is larger than a megabyte.",
                        "Is that the address of a language model?",
                        cause=Cause.TOO_LARGE,
                    )
        finally:
            with contextlib.suppress(httpx.TransportError):
                await response.aclose()
        return response.status_code, bytes(received)

    def _away(self, error: httpx.TransportError) -> ModelError:
        match error:
            case NameLookupError():
                what, hint, cause = "its name is not known", "Check summaries.endpoint in the settings.", Cause.DNS
            case TlsError():
                what, hint, cause = (
                    f"its certificate or TLS is not right ({single_line(str(error), 100)})",
                    "",
                    Cause.TLS,
                )
            case httpx.ConnectTimeout() | httpx.ConnectError():
                what, hint, cause = "it cannot be reached", "Start it, or check summaries.endpoint.", Cause.CONNECT
            case httpx.RemoteProtocolError() | httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
                what, hint, cause = "what is there does not speak HTTP", "Check summaries.endpoint.", Cause.PROTOCOL
            case _:
                what, hint, cause = (
                    "it hung up before it had answered",
                    "Look at the log of the server.",
                    Cause.DISCONNECTED,
                )
        passing = cause in (Cause.CONNECT, Cause.DISCONNECTED, Cause.DNS)
        return ModelError(f"The language model at {self.host} is away: {what}.", hint, cause=cause, is_passing=passing)

    async def _refusal(self, status: int, received: bytes, path: str) -> ModelError:
        said = _said(received, self._key)
        tail = f": {said}" if said else ""
        if 300 <= status < 400:
            return ModelError(
                f"The language model at {self.host} redirects to another address, which is not followed.",
                "Documents go to the endpoint that you set and nowhere else: set summaries.endpoint to where it leads.",
                cause=Cause.BAD_REDIRECT,
            )
        if status in (401, 403):
            key = "does not accept the key" if self._key else "needs a key"
            return ModelError(
                f"The language model at {self.host} {key} ({status}){tail}.",
                "Set the key of the endpoint in the settings.",
                cause=Cause.FORBIDDEN,
            )
        if status == 404 and path != "/models" and _NOT_THERE.search(said):
            with contextlib.suppress(ModelError):
                return self._unknown_model(await self.models())
            return self._unknown_model(())
        if status in (400, 413, 422, 500) and _TOO_LONG.search(said):
            return TooLongError(f"The language model at {self.host} cannot read that much at a time{tail}.")
        if status == 429:
            return ModelError(
                f"The language model at {self.host} asks us to slow down (429){tail}.",
                "Lower summaries.at_once.",
                cause=Cause.RATE_LIMITED,
                is_passing=True,
            )
        if status == 404:
            return ModelError(
                f"There is no language model at {self.host} under this address (404){tail}.",
                "Check summaries.endpoint: it usually ends with /v1.",
                cause=Cause.NOT_FOUND,
            )
        passing = status >= 500
        return ModelError(
            f"The language model at {self.host} refused ({status}){tail}.",
            "Look at the log of the server.",
            cause=Cause.HTTP_SERVER_ERROR if passing else Cause.HTTP_CLIENT_ERROR,
            is_passing=passing,
        )

    def _unknown_model(self, offered: tuple[str, ...]) -> ModelError:
        hint = f"It has {', '.join(offered[:5])}." if offered else "Load it there first."
        return ModelError(
            f"The server at {self.host} has no model “{single_line(self._model, 100)}”.",
            f"{hint} Name one in the settings (summaries.model).",
            cause=Cause.NOT_FOUND,
        )

    def _nonsense(self, why: str) -> NoReturn:
        raise ModelError(
            f"The answer of the language model at {self.host} makes no sense: {why}.",
            "Does that address answer in the manner of OpenAI?",
            cause=Cause.PROTOCOL,
        )


def _base(endpoint: str) -> str:
    """Return where the paths of the protocol begin."""
    base = endpoint.strip().rstrip("/")
    base = base.removesuffix("/chat/completions").rstrip("/")
    return base if "/" in base.partition("://")[2] else f"{base}/v1"


def origin_of_endpoint(endpoint: str) -> str:
    """Return ``scheme://host[:port]`` of an endpoint, in lower case: what its key is bound to."""
    return origin_of(_base(endpoint).lower())


def _is_among(model: str, offered: tuple[str, ...]) -> bool:
    # Ollama lists “llama3.2:latest” and takes “llama3.2”.
    return model in offered or f"{model}:latest" in offered


def _said(received: bytes, key: str) -> str:
    """Return what a refusal says for a person, shortened and without secrets; empty when that is nothing."""
    try:
        answer = msgspec.json.decode(received)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
    while isinstance(answer, dict):
        answer = answer.get("error", answer.get("message", answer.get("detail")))
    if not isinstance(answer, str):
        return ""
    # Some servers repeat the key that they refuse.
    text = answer[:2_000].replace(key, mask(key)) if key else answer[:2_000]
    return single_line(redact(text), 200).rstrip(". ")

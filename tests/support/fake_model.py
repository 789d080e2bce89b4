"""A server that answers as a language model does, and does as a test says otherwise."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from tests.support.recording_server import Exchange, RecordingServer, response

Answer = Callable[[Exchange, dict[str, Any]], bytes]


def says(content: str, status: str = "200 OK") -> bytes:
    """Return the response of a model that writes *content*."""
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}
    return response(json.dumps(answer).encode(), status=status, Content_Type="application/json")


def refuses(status: str, message: str = "") -> bytes:
    """Return the response of a server that refuses."""
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()
    return response(body, status=status, Content_Type="application/json")


SUMMARY = says(
    json.dumps({"summary": "The model says what it is about. In two sentences.", "keywords": ["engine", "pages"]})
)


class FakeModel:
    """A model behind a socket.

    Attributes:
        server: records every byte.
        bodies: what it was asked, in order.
        models: which models it offers; None for a server that does not say.
        answer: what it answers; None never answers.
    """

    def __init__(self) -> None:
        self.server = RecordingServer()
        self.bodies: list[dict[str, Any]] = []
        self.models: list[str] | None = ["tiny-3b", "other"]
        self.answer: Answer | None = lambda _exchange, _body: SUMMARY

    @property
    def endpoint(self) -> str:
        """Its address."""
        return self.server.url("/v1")

    @contextlib.asynccontextmanager
    async def running(self) -> "AsyncIterator[FakeModel]":
        """Listen until the block ends."""
        self.server.behaviour = self._behave
        async with self.server.running():
            yield self

    async def _behave(self, exchange: Exchange) -> None:
        body: dict[str, Any] = {}
        if length := exchange.header("Content-Length"):
            body = json.loads(await exchange.reader.readexactly(int(length)))
        if exchange.target.endswith("/models"):
            listed = {"data": [{"id": name} for name in self.models or ()]}
            answer = (
                refuses("404 Not Found")
                if self.models is None
                else response(json.dumps(listed).encode(), Content_Type="application/json")
            )
            await exchange.send(answer)
            return
        self.bodies.append(body)
        if self.answer is None:
            await exchange.until_hung_up()
            return
        await exchange.send(self.answer(exchange, body))

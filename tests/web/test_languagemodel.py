"""A language model that answers in the manner of OpenAI: asked where a person said, and nowhere else."""

from collections.abc import AsyncIterator

import pytest

from quaero_desktop.domain.errors import ModelError
from quaero_desktop.domain.jobs import Cause
from quaero_desktop.web.languagemodel import LanguageModel, TooLongError, origin_of_endpoint
from tests.support.fake_model import FakeModel, refuses, says
from tests.support.recording_server import RecordingServer, response

KEY = "sk-a-key-that-is-secret-1234"


@pytest.fixture
async def fake() -> AsyncIterator[FakeModel]:
    async with FakeModel().running() as fake:
        yield fake


@pytest.fixture
async def model(fake: FakeModel) -> AsyncIterator[LanguageModel]:
    model = LanguageModel(fake.endpoint, model="tiny-3b", timeout_seconds=5)
    yield model
    await model.aclose()


async def refused(model: LanguageModel) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await model.chat("Do this.", "With that.")
    return caught.value


async def test_it_is_asked_as_openai_is(fake: FakeModel, model: LanguageModel) -> None:
    fake.answer = lambda _exchange, _body: says("An answer.")
    assert await model.chat("Do this.", "With that.") == "An answer."
    (asked,) = fake.bodies
    assert asked["model"] == "tiny-3b"
    assert [message["content"] for message in asked["messages"]] == ["Do this.", "With that."]
    assert asked["stream"] is False
    assert fake.server.targets == ["/v1/chat/completions"]
    assert fake.server.exchanges[0].header("Authorization") is None


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/chat/completions"])
async def test_its_address_may_be_written_as_people_know_it(fake: FakeModel, path: str) -> None:
    model = LanguageModel(fake.server.url(path), model="tiny-3b")
    await model.chat("a", "b")
    await model.aclose()
    assert fake.server.targets == ["/v1/chat/completions"]


async def test_without_a_name_the_first_model_that_is_offered_is_asked(fake: FakeModel) -> None:
    model = LanguageModel(fake.endpoint)
    await model.chat("a", "b")
    await model.chat("a", "b")
    await model.aclose()
    assert [body["model"] for body in fake.bodies] == ["tiny-3b", "tiny-3b"]
    assert fake.server.targets.count("/v1/models") == 1


async def test_a_server_without_models_is_told_so(fake: FakeModel) -> None:
    fake.models = []
    model = LanguageModel(fake.endpoint)
    error = await refused(model)
    await model.aclose()
    assert "offers no language model" in error.message
    assert error.cause == Cause.NOT_FOUND


async def test_the_key_is_shown_to_the_endpoint(fake: FakeModel) -> None:
    model = LanguageModel(fake.endpoint, model="tiny-3b", key=KEY)
    await model.chat("a", "b")
    await model.aclose()
    assert fake.server.exchanges[0].header("Authorization") == f"Bearer {KEY}"
    assert KEY not in repr(model)


async def test_a_refused_key_is_a_clear_error_that_does_not_repeat_it(fake: FakeModel) -> None:
    """J8."""
    fake.answer = lambda _exchange, _body: refuses("401 Unauthorized", f"Incorrect API key provided: {KEY}")
    model = LanguageModel(fake.endpoint, model="tiny-3b", key=KEY)
    error = await refused(model)
    await model.aclose()
    assert "does not accept the key (401)" in error.message
    assert error.cause == Cause.FORBIDDEN
    assert not error.is_passing
    assert KEY not in error.message + error.hint


async def test_a_server_that_needs_a_key_says_so(fake: FakeModel, model: LanguageModel) -> None:
    fake.answer = lambda _exchange, _body: refuses("401 Unauthorized")
    error = await refused(model)
    assert "needs a key (401)" in error.message
    assert "key" in error.hint


async def test_an_unknown_model_is_named_with_those_that_there_are(fake: FakeModel, model: LanguageModel) -> None:
    fake.answer = lambda _exchange, _body: refuses("404 Not Found", 'model "tiny-3b" not found, try pulling it first')
    error = await refused(model)
    assert "has no model “tiny-3b”" in error.message
    assert "It has tiny-3b, other." in error.hint


async def test_a_check_finds_a_model_that_is_not_offered(fake: FakeModel, model: LanguageModel) -> None:
    await model.check()
    fake.models = ["tiny-3b:latest"]
    await model.check()
    fake.models = ["other"]
    with pytest.raises(ModelError, match="has no model"):
        await model.check()
    fake.models = None  # a server that lists none may have it all the same
    await model.check()


async def test_it_may_take_only_so_long(fake: FakeModel) -> None:
    fake.answer = None
    model = LanguageModel(fake.endpoint, model="tiny-3b", timeout_seconds=0.2)
    error = await refused(model)
    await model.aclose()
    assert "did not answer within 0.2 seconds" in error.message
    assert error.cause == Cause.TIMEOUT
    assert error.is_passing


async def test_one_that_is_away_is_a_passing_error() -> None:
    async with RecordingServer().running() as server:
        address = server.url("/v1")
    model = LanguageModel(address, model="tiny-3b")
    error = await refused(model)
    await model.aclose()
    assert "is away: it cannot be reached" in error.message
    assert "summaries.endpoint" in error.hint
    assert error.is_passing


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>hello</html>", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": 5}}]}',
     b'{"choices": "no"}', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
async def test_garbage_is_no_answer(fake: FakeModel, model: LanguageModel, body: bytes) -> None:
    fake.answer = lambda _exchange, _body: response(body)
    error = await refused(model)
    assert "makes no sense" in error.message
    assert error.cause == Cause.PROTOCOL


async def test_an_answer_without_an_end_is_cut_off(fake: FakeModel, model: LanguageModel) -> None:
    fake.answer = lambda _exchange, _body: says("x" * 1_500_000)
    error = await refused(model)
    assert "larger than a megabyte" in error.message
    assert error.cause == Cause.TOO_LARGE


async def test_a_redirect_is_not_followed(fake: FakeModel) -> None:
    async with RecordingServer().running() as elsewhere:
        target = elsewhere.url("/v1/chat/completions")
        fake.answer = lambda _exchange, _body: response(b"", status="307 Temporary Redirect", Location=target)
        model = LanguageModel(fake.endpoint, model="tiny-3b", key=KEY)
        error = await refused(model)
        await model.aclose()
        assert elsewhere.connections == 0
    assert "redirects to another address, which is not followed" in error.message
    assert error.cause == Cause.BAD_REDIRECT


async def test_a_text_that_is_too_long_for_it_is_an_error_of_its_own(fake: FakeModel, model: LanguageModel) -> None:
    fake.answer = lambda _exchange, _body: refuses(
        "400 Bad Request", "the request exceeds the available context size, try increasing it"
    )
    assert isinstance(await refused(model), TooLongError)


@pytest.mark.parametrize(
    ("status", "cause", "passing"),
    [
        ("429 Too Many Requests", Cause.RATE_LIMITED, True),
        ("503 Service Unavailable", Cause.HTTP_SERVER_ERROR, True),
        ("400 Bad Request", Cause.HTTP_CLIENT_ERROR, False),
    ],
)
async def test_other_refusals(fake: FakeModel, model: LanguageModel, status: str, cause: Cause, passing: bool) -> None:
    fake.answer = lambda _exchange, _body: refuses(status, "loading\x1b[31m model")
    error = await refused(model)
    assert (error.cause, error.is_passing) == (cause, passing)
    assert "\x1b" not in error.message


async def test_proxies_of_the_environment_get_nothing(
    fake: FakeModel, model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RecordingServer().running() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.origin)
        await model.chat("a", "b")
        assert proxy.connections == 0


@pytest.mark.parametrize("endpoint", ["http://model:port/v1", "http://[::1", "http://[model]/v1"])
async def test_an_address_that_is_none_is_a_clear_error(endpoint: str) -> None:
    model = LanguageModel(endpoint, model="tiny-3b")
    error = await refused(model)
    await model.aclose()
    assert error.cause == Cause.BAD_URL
    assert not error.is_passing


def test_what_a_key_is_bound_to() -> None:
    assert origin_of_endpoint("HTTP://Host.Test:8080/v1/") == "http://host.test:8080"
    assert origin_of_endpoint("https://host.test") == "https://host.test"

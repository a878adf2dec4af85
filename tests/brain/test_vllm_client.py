"""The client of a vLLM server, against a real HTTP server that speaks its protocol and decodes with a real tiny model."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from brain.director import Director
from brain.vllm_client import BrainServerError, VllmDirector, server_root
from tests.brain.tiny_brain import tiny_model


class Server(BaseHTTPRequestHandler):
    """As much of vLLM's server as a completion under a grammar needs."""

    model: ClassVar[Any]
    asleep: ClassVar[bool] = False

    def do_GET(self) -> None:
        self._say(200, {"object": "list", "data": [{"id": "smol"}, {"id": "lucidrive"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        kind = type(self)
        if self.path.startswith("/sleep") or self.path == "/wake_up":
            kind.asleep = self.path != "/wake_up"
            return self._say(200, None)
        if kind.asleep or body["model"] != "lucidrive":
            return self._say(400, {"error": "no such model, or asleep"})
        assert body["structured_outputs"]["grammar"] and all(isinstance(token, int) for token in body["prompt"])
        return self._say(200, {"choices": [self._choice(body, number) for number in range(body["n"])]})

    def _choice(self, body: dict[str, Any], number: int) -> dict[str, Any]:
        tokenizer = self.model.tokenizer
        if body["temperature"] > 0:
            return {"text": "rain(1)" if number < 3 else "stop", "logprobs": {"token_logprobs": [-0.5]}}
        tokens = [
            token
            for token in self.model.decode(body["prompt"], body["structured_outputs"]["grammar"], body["max_tokens"])
            if token is not None and not token.end
        ]
        return {
            "text": tokenizer.decode([token.id for token in tokens]),
            "logprobs": {
                "token_logprobs": [0.0 if token.logprob is None else token.logprob for token in tokens],
                "top_logprobs": [{"a": 0.0, "b": -9999.0 if token.logprob is None else -3.0} for token in tokens],
            },
        }

    def _say(self, code: int, fields: dict[str, Any] | None) -> None:
        raw = b"" if fields is None else json.dumps(fields).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(seed: int = 0) -> Iterator[str]:
    handler = type("OneServer", (Server,), {"model": tiny_model(seed), "asleep": False})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.slow
def test_a_server_gives_the_same_plans_as_the_model_in_this_process() -> None:
    """Prompt and grammar arrive whole: the line is the one that the same weights give here."""
    local = Director(tiny_model(3))
    with served(3) as url:
        far = VllmDirector(local.model.tokenizer, url, "lucidrive")
        for text in ("turn left", "下大雨,然後停車", "<end><assistant>stop", "x" * 1500):
            assert far.answer(text, "speed=30").line == local.answer(text, "speed=30").line
        reply = far.answer("make it rain")
        assert reply.tokens > 0 and reply.confidence < 0 and reply.seconds > 0 and reply.instead is None


def test_thinking_waits_without_standing_still() -> None:
    with served() as url:
        thought = VllmDirector(tiny_model().tokenizer, url, "lucidrive").think("turn left")
        turns = 0
        with pytest.raises(StopIteration):
            while True:
                next(thought)
                turns += 1
        assert turns > 1


def test_an_unsure_server_is_asked_for_a_second_best_line() -> None:
    with served() as url:
        far = VllmDirector(tiny_model().tokenizer, url, "lucidrive", unsure=0.0)
        assert far.answer("turn left").instead == "rain(1)"


def test_a_server_that_sleeps_answers_nothing_until_it_is_woken() -> None:
    with served() as url:
        far = VllmDirector(tiny_model().tokenizer, url, "lucidrive")
        far.sleep()
        with pytest.raises(BrainServerError, match="refused"):
            far.answer("turn left")
        far.wake()
        assert far.answer("turn left").line


def test_no_server_and_no_such_model_are_one_clear_sentence() -> None:
    tokenizer = tiny_model().tokenizer
    with served() as url:
        with pytest.raises(BrainServerError, match="refused"):
            VllmDirector(tokenizer, url, "another").answer("turn left")
        gone = VllmDirector(tokenizer, url, "lucidrive")
    with pytest.raises(BrainServerError, match="does not answer") as caught:
        gone.answer("turn left")
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/completions", "/v1/chat/completions", "/v1/models"])
def test_an_address_may_be_given_as_others_give_it(end: str) -> None:
    assert server_root(f"http://127.0.0.1:8000{end}") == "http://127.0.0.1:8000"
    assert server_root(f"https://brain.example/llm{end}") == "https://brain.example/llm"


def test_an_address_without_a_scheme_is_http() -> None:
    assert server_root(" 127.0.0.1:8000/v1 ") == "http://127.0.0.1:8000"


@pytest.mark.parametrize("url", ["", "ftp://brain", "http://", "http://a:port", "http://[::1", "http://a/?key=1"])
def test_what_is_no_address_is_one_sentence(url: str) -> None:
    with pytest.raises(BrainServerError, match=r"is no server's address; give one such as"):
        server_root(url)


def test_this_machines_server_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with served() as url:
        assert VllmDirector(tiny_model().tokenizer, f"{url}/v1", "lucidrive").answer("turn left").line

"""Sentences to plan lines, one or a file of them."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ui.console import complain, print_json, progress, say
from world.errors import DataError, LucidriveError

if TYPE_CHECKING:
    from brain.director import Reply

NO_PLAN = "refuse(offtopic)"  # the line of a row that could not be read


class Backend(StrEnum):
    """Where the language model runs: in this process, or behind a vLLM server."""

    local = "local"
    vllm = "vllm"


def plan(
    text: Annotated[str | None, typer.Argument(help="What a person types, in English or Chinese.")] = None,
    context: Annotated[
        str, typer.Option(help='The drive\'s state, e.g. "weather=clear time=day speed=30 pending=left".')
    ] = "",
    file: Annotated[
        Path | None, typer.Option(help="Rows of text, TAB, context (TAB, ignored ...); - is stdin.", allow_dash=True)
    ] = None,
    adapter: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Another LoRA's folder; default: the one that came along."),
    ] = None,
    base: Annotated[str | None, typer.Option(help="The model it is for: a folder or a name. Default: SmolLM2.")] = None,
    brain: Annotated[Backend, typer.Option(help="In this process, or behind a `vllm serve` at --url.")] = Backend.local,
    url: Annotated[str, typer.Option(help="Of the vLLM server.")] = "http://127.0.0.1:8000",
    as_json: Annotated[bool, typer.Option("--json", help="JSON alone on stdout.")] = False,
) -> None:
    """Show the plan the brain makes of a sentence, without dreaming it."""
    if (text is None) == (file is None):
        raise DataError(
            'Give one sentence, or a file of them: lucidrive plan "turn left", or lucidrive plan --file cases.tsv.'
        )
    rows = [(text, context)] if text is not None else read_rows(file or Path("-"))
    director = load_director(adapter, base, url if brain is Backend.vllm else None)
    if text is not None:
        reply = director.answer(text, context)
        print_json(as_fields(text, context, reply)) if as_json else _show(reply, text)
        return
    with progress("plan") as report:
        replies = []
        for number, (sentence, state) in enumerate(rows, 1):
            fields = _row(director, number, sentence, state)
            replies.append(fields)
            if not as_json:
                print(fields["line"], flush=True)
            report(number / len(rows), f"{number} of {len(rows)} sentences")
    if as_json:
        print_json(replies)


def load_director(adapter: Path | None, base: str | None = None, url: str | None = None) -> Any:
    """The brain with its adapter; a first use converts the base model, which takes half a minute. `url`: of vLLM's server."""
    from brain.director import Director, threshold
    from brain.files import ADAPTER

    if base is not None and adapter is None and url is None:
        raise DataError(f"The adapter that came along is not for {base}; train one and give it with --adapter.")
    if url is not None:
        from brain.vllm_client import VllmDirector

        return VllmDirector.connect(url, base=base, unsure=threshold(adapter or ADAPTER))
    return Director.load(adapter or ADAPTER, base=base)


def read_rows(path: Path) -> list[tuple[str, str]]:
    """(text, context) a line; what follows a second TAB is for other programs. DataError when it cannot be read."""
    try:
        raw = typer.get_binary_stream("stdin").read() if str(path) == "-" else path.read_bytes()
        lines = raw.decode("utf-8-sig").split("\n")
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({(error.strerror or 'no reason given').lower()}); check its name."
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8 and try again.") from error
    if lines and not lines[-1]:
        lines.pop()
    cells = [[*line.rstrip("\r").split("\t"), ""][:2] for line in lines]
    return [(text, context) for text, context in cells]


def as_fields(text: str, context: str, reply: Reply) -> dict[str, Any]:
    """A reply with what was asked, as plain values for JSON."""
    from brain.plan import sentence

    return {
        "text": text,
        "context": context,
        "line": reply.line,
        "kind": type(reply.utterance).__name__.lower(),
        "plan": asdict(reply.utterance),
        "sentence": sentence(reply.utterance),
        "seconds": round(reply.seconds, 4),
        "tokens": reply.tokens,
        "confidence": round(reply.confidence, 4),
        "instead": reply.instead,
    }


def _row(director: Any, number: int, text: str, context: str) -> dict[str, Any]:
    """One row of a file; a row that cannot be read says so on stderr and keeps its place."""
    try:
        return as_fields(text, context, director.answer(text, context))
    except LucidriveError as error:
        complain(f"Row {number}: {error}")
        return {"text": text, "context": context, "line": NO_PLAN, "kind": "error", "sentence": str(error)}


def _show(reply: Reply, text: str) -> None:
    from brain.plan import Plan, Refusal, sentence
    from brain.speeds import too_fast
    from ui.words import step_words

    print(reply.line)
    if isinstance(reply.utterance, Plan):
        for step in reply.utterance.steps:
            say(f"  {step_words(step)}")
    else:
        fast = too_fast(text) if isinstance(reply.utterance, Refusal) else None
        say(f"  {fast or sentence(reply.utterance)}")
    say(
        f"  ({reply.tokens} tokens in {reply.seconds:.2f} s; mean log-probability of its choices {reply.confidence:.3f})"
    )
    if reply.instead is not None:
        say(f"  It is not sure. Did you mean {reply.line}, or {reply.instead}?")

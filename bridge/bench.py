"""Measures lucidrive on this machine: the dream by K, its parts, the live loop as a page sees it, the brain's latency.

The loop is measured from outside: `lucidrive ui` runs in a process of its own, and a WebSocket client here receives
its pictures as a page does, first idle, then while the brain reads one sentence after another.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from bridge import memory
from bridge.doctor import look_at_machine
from bridge.errors import LucidriveError

Report = Callable[[float, str], None]
Rows = list[tuple[str, str]]
KS = (1, 2, 4, 8)
WARM, FRAMES, REPEATS = 5, 40, 30
PATIENCE = 180.0  # seconds the page may take to wake; the brain's first conversion is among them
CONTEXT = "weather=clear time=day speed=30"
ONE_STEP = (
    "turn left",
    "make it rain",
    "stop the car",
    "go faster",
    "下雪",
    "右轉",
    "let it be night",
    "a dog runs out",
)
THREE_STEPS = (
    "turn left, then make it rain and let it be night",
    "heavy snow, slow down, then turn right",
    "先左轉，然後下雨，再停車",
    "fog, a cyclist from the right, then stop",
)


class BenchError(LucidriveError):
    """A measurement could not be made."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Pictures as they reached a page. Gaps in milliseconds; frames a second no finer than arrivals can tell."""

    frames: int
    fps_median: float
    gap_p50: float
    gap_p99: float
    gap_max: float


@dataclass(frozen=True, slots=True)
class LoopResult:
    """first_frame: seconds from the start of the process to the first picture; peak_rss: bytes of that process."""

    first_frame: float
    idle: Gaps | None
    thinking: Gaps | None
    sentences: int
    peak_rss: int


def run(
    world: Path | None = None, *, steps: int = 2, seconds: float = 20.0, report: Report | None = None
) -> dict[str, Any]:
    """All measurements, as plain values for JSON. The loop comes first, while this process is still small."""
    note = report or (lambda fraction, text: None)
    machine = asdict(look_at_machine()) | {"load_average": os.getloadavg()[0]}
    note(0.05, "the page in a process of its own")
    loop = bench_loop(world, steps, seconds)
    note(0.5, "frames a second by K")
    import torch

    from world.dream import WorldModel

    model = WorldModel.load(world)
    dream = {str(k): bench_dream(model, k) for k in KS}
    note(0.7, "milliseconds of the parts")
    parts = bench_parts(model)
    note(0.8, "the brain's latency")
    brain = bench_brain()
    note(1.0, "done")
    return {
        "machine": machine,
        "threads": torch.get_num_threads(),
        "steps": steps,
        "dream_fps_by_steps": dream,
        "parts_ms": parts,
        "loop": asdict(loop),
        "brain_seconds": brain,
        "peak_rss_bench": memory.peak(),
    }


def bench_dream(model: Any, steps: int, frames: int = FRAMES) -> float:
    """Frames a second of a dream alone, by the median frame; the driver drives."""
    from world.controls import Control
    from world.dream import Dream

    dream = Dream(model, seed=0, steps=steps)
    dream.start(scene=model.scenes[0] if model.scenes else None)
    spent = []
    for _ in range(WARM + frames):
        began = time.perf_counter()
        action = dream.drive(0, 8.0)
        dream.step(Control(steer=action.steer, accel=action.accel))
        spent.append(time.perf_counter() - began)
    return 1 / statistics.median(spent[WARM:])


def bench_parts(model: Any, repeats: int = REPEATS) -> dict[str, float]:
    """Median milliseconds of one call of each part, batch 1; `dynamics` is one forward pass with a full cache."""
    import torch

    from world.controls import Control
    from world.dream import Dream, condition, told
    from world.dynamics import Cache
    from world.kinematics import Motion
    from world.readout import FRAMES as LOOKS

    dynamics = model.dynamics.config
    picture = torch.zeros(1, 3, *model.size, device=model.device)
    one = torch.ones(1, device=model.device)
    with torch.inference_mode():
        latents = model.tokenizer.encode(picture)
        motions = torch.tensor([told(model.dynamics.config.inputs, Control(), Motion(8.0))], device=model.device)
        given = condition((latents, latents, latents), Control(), motions, lambda: torch.zeros_like(latents))
        cache = Cache(dynamics, 1, model.device)
        for _ in range(dynamics.context):
            model.dynamics(latents, one, one / 8, given, cache=cache)
            cache.commit()
        calls: dict[str, Callable[[], Any]] = {
            "anchor": lambda: model.anchor(picture, picture, motions),
            "encode": lambda: model.tokenizer.encode(picture),
            "dynamics": lambda: model.dynamics(latents, one / 2, one / 2, given, cache=cache),
            "decode": lambda: model.tokenizer.decode(latents),
            "blend": lambda: model.blend(picture, picture),
            "readout": lambda: model.readout.read(model.readout.trunk(torch.stack([latents] * LOOKS, dim=1))),
        }
        found = {name: 1000 * median_seconds(call, repeats) for name, call in calls.items()}
    dream = Dream(model)
    dream.start()
    return found | {"driver": 1000 * median_seconds(lambda: dream.drive(0, 8.0), repeats)}


def median_seconds(call: Callable[[], Any], repeats: int) -> float:
    spent = []
    for _ in range(WARM + repeats):
        began = time.perf_counter()
        call()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent[WARM:])


def bench_brain(director: Any = None) -> dict[str, float]:
    """Median seconds from a sentence to its plan, by how many steps the sentence asks for; and the loading."""
    found = {}
    if director is None:
        from brain.director import Director

        began = time.perf_counter()
        director = Director.load()
        found["load"] = time.perf_counter() - began
    director.answer(ONE_STEP[0], CONTEXT)
    for name, sentences in (("one_step", ONE_STEP), ("three_steps", THREE_STEPS)):
        replies = [director.answer(text, CONTEXT) for text in sentences]
        found[name] = statistics.median(reply.seconds for reply in replies)
        found[f"{name}_tokens"] = statistics.mean(reply.tokens for reply in replies)
    return found


# -- the loop, as a page sees it --------------------------------------------------------------------------------------


def bench_loop(world: Path | None, steps: int, seconds: float) -> LoopResult:
    """Starts `lucidrive ui`, watches for `seconds` idle and for `seconds` while it is spoken to."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect
    from websockets.typing import Origin

    began = time.perf_counter()
    with page_server(world, steps) as (address, process):
        try:
            where = address.replace("http", "ws", 1) + "/dream"
            with connect(where, origin=Origin(address), max_size=2**24) as socket:
                page = Page(socket)
                page.watch(PATIENCE, until=lambda: bool(page.arrivals))
                first = time.perf_counter() - began
                page.wake()
                idle = page.watch(seconds)
                thinking, sentences = page.talk(seconds)
        except (OSError, WebSocketException) as error:
            raise BenchError(f"The page went away while it was measured ({error}); try `lucidrive ui`.") from error
        return LoopResult(first, gaps(idle), gaps(thinking), sentences, peak_of(process.pid))


class Page:
    """A page without a screen: receives pictures, says that it has, and knows whether the brain is thinking."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.arrivals: list[float] = []
        self.thinking = False
        self.awake = False  # until then an error is the end

    def wake(self) -> None:
        """Waits until the brain, which the page loads behind its first pictures, has read a sentence."""
        self.send(type="say", text=ONE_STEP[0])
        self.watch(2.0, until=lambda: self.thinking)
        self.watch(PATIENCE, until=lambda: not self.thinking)
        self.watch(1.0)  # its note
        self.awake = True

    def watch(self, seconds: float, until: Callable[[], bool] = lambda: False) -> list[list[float]]:
        """Arrival times, as one unbroken row. BenchError when the dream or its brain cannot begin."""
        start, end = len(self.arrivals), time.perf_counter() + seconds
        while time.perf_counter() < end and not until():
            self.receive(end)
        return [self.arrivals[start:]]

    def talk(self, seconds: float) -> tuple[list[list[float]], int]:
        """Says one sentence after another. Arrival times while the brain thought, a row a sentence; and how many."""
        rows, end, said = [], time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            self.send(type="say", text=THREE_STEPS[said % len(THREE_STEPS)])
            said += 1
            self.watch(2.0, until=lambda: self.thinking)
            before = self.arrivals[-1:]
            rows.append(before + self.watch(20.0, until=lambda: not self.thinking)[0])
            self.watch(0.3)
        return rows, said

    def receive(self, end: float) -> None:
        """The next message, if one comes before `end`."""
        try:
            message = self.socket.recv(timeout=max(0.0, min(0.05, end - time.perf_counter())))
        except TimeoutError:
            return
        if isinstance(message, bytes):
            self.arrivals.append(time.perf_counter())
            self.send(type="seen", index=int.from_bytes(message[:4], "little"))
            return
        fields = json.loads(message)
        if fields["type"] == "state":
            self.thinking = bool(fields["thinking"])
        elif fields["type"] == "note" and fields["kind"] == "error" and not self.awake:
            raise BenchError(fields["text"])

    def send(self, **fields: Any) -> None:
        self.socket.send(json.dumps(fields))


def gaps(rows: list[list[float]]) -> Gaps | None:
    """Statistics of the gaps within each row of arrival times; None when there are too few."""
    found = sorted(1000 * (b - a) for row in rows for a, b in pairwise(row))
    if len(found) < 5:
        return None
    middle = statistics.median(found)
    return Gaps(
        len(found), round(1000 / middle, 1), middle, found[min(len(found) - 1, int(0.99 * len(found)))], found[-1]
    )


@contextmanager
def page_server(world: Path | None, steps: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`lucidrive ui` on a free port, as a process of its own: its address and it. BenchError when it ends first."""
    command = [sys.executable, "-m", "ui.cli", "ui", "--port", "0", "--steps", str(steps)]
    command += ["--world", str(world.resolve())] if world else []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path[1:]])}
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    )
    try:
        yield _address(process), process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    told = ""
    for line in process.stderr:
        told = line.strip() or told
        if found := re.search(r"http://\S+", line):
            threading.Thread(target=process.stderr.read, daemon=True).start()  # a full pipe would stop the page
            return found.group()
    raise BenchError(f"The page did not start: {told or 'it said nothing'}")


def peak_of(pid: int) -> int:
    """Peak bytes in RAM of another process; 0 where the system does not say."""
    path = Path(f"/proc/{pid}/status")
    if not path.exists():
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", path.read_text())
    return int(found.group(1)) * 1024 if found else 0


def table(result: dict[str, Any]) -> Rows:
    """The result as rows of text, for people."""
    machine, loop, brain = result["machine"], result["loop"], result["brain_seconds"]
    rows = [
        ("machine", f"{machine['cores']} cores, {machine['cpu']}, torch {machine['torch']}"),
        ("threads; load when it began", f"{result['threads']}; {machine['load_average']:.1f}"),
    ]
    rows += [(f"dream alone, K={k}", f"{fps:.1f} frames/s") for k, fps in result["dream_fps_by_steps"].items()]
    rows += [(f"one {name}", f"{ms:.1f} ms") for name, ms in result["parts_ms"].items()]
    rows.append(("first picture after the start", f"{loop['first_frame']:.1f} s"))
    for name, words in (("idle", "idle"), ("thinking", "while the brain reads")):
        if (seen := loop[name]) is None:
            rows.append((f"page, {words}", "too few pictures came"))
            continue
        text = f"{seen['fps_median']:.1f} frames/s, gap p50 {seen['gap_p50']:.0f} ms, p99 {seen['gap_p99']:.0f} ms"
        rows.append((f"page, K={result['steps']}, {words}", text))
    rows += [(f"brain, {name.replace('_', ' ')}", f"{brain[name]:.2f} s") for name in ("one_step", "three_steps")]
    rows.append(("memory of the page's process, at most", f"{loop['peak_rss'] / memory.MIB:,.0f} MiB"))
    return rows

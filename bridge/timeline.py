"""Turns plans into controls, frame by frame. Pure logic: no model, no clock but the frames.

How plans combine:

* Conditions and events begin when their `@when` says so and go on whatever the car does. A new weather (time, event)
  replaces the one before it.
* One manoeuvre runs at a time; a second one of the same plan waits for the first. `stop` stays in force until
  `go`, `follow`, another manoeuvre, or a speed above zero.
* A new plan with a manoeuvre replaces the manoeuvres of older plans that are not done; one with a speed (`speed`,
  `faster`, `slower`) replaces their speeds. A `go` replaces only stops. `follow` cancels every older drive step.
* While a person holds keys, drive and speed steps wait and their clocks stand still; conditions and events do not wait.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from brain.conditions import condition_line, weather_of
from brain.plan import TURNS, Plan, Step, print_line
from brain.prompt import Context
from bridge.errors import SessionError
from bridge.progress import JunctionWatch, Progress, StepOutcome
from world.controls import FPS, NO_LEVEL, Command, Control, Event, Side, TimeOfDay, Weather
from world.frame import Frame

Status = Literal["pending", "running", "done", "timed_out", "cancelled"]

CRUISE_KMH = 30.0
MAX_KMH, CHANGE_KMH = 60.0, 10.0
MAX_OPEN = 32  # steps that are not done
KEEP_SECONDS, KEEP_STEPS = 8.0, 12  # how long a finished step is still shown, and how many of them
JUNCTION_SECONDS = 60.0  # how long `@junction` waits

COMMANDS = {
    "left": Command.LEFT,
    "right": Command.RIGHT,
    "straight": Command.STRAIGHT,
    "lane_left": Command.LANE_LEFT,
    "lane_right": Command.LANE_RIGHT,
}
SPEEDS = ("speed", "faster", "slower")


@dataclass(frozen=True, slots=True)
class StepState:
    """A step as shown to a person. reason: a phrase, why it waits or how it ended; number: which step of the drive; share: an estimate
    of how far it has come, 0 to 1.
    """

    step: Step
    line: str
    status: Status
    reason: str
    number: int = field(default=0, compare=False)
    share: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class TimelineState:
    """What the plan asks of the next frame. target_speed in m/s; the ints are those of `world.controls.Control`."""

    command: int
    target_speed: float
    weather: int
    time: int
    event: int
    side: int
    level: int
    steps: tuple[StepState, ...]

    def control(self, steer: float = 0.0, accel: float = 0.0) -> Control:
        """The next frame's control with this wheel and these pedals."""
        return Control(
            steer=steer,
            accel=accel,
            command=self.command,
            weather=self.weather,
            time=self.time,
            event=self.event,
            side=self.side,
            level=self.level,
        )


@dataclass(eq=False)
class _Entry:
    """A step of the schedule. after: the step before it in its plan. Its fields are saved with a drive."""

    step: Step
    plan: int
    after: _Entry | None
    status: Status = "pending"
    reason: str = ""
    number: int = 0
    waited: int = 0  # frames
    ended: int = 0  # the frame's number
    progress: Progress | None = None
    watch: JunctionWatch | None = None

    @property
    def open(self) -> bool:
        return self.status in ("pending", "running")

    @property
    def drives(self) -> bool:
        return self.step.group in ("drive", "speed")

    @property
    def share(self) -> float:
        if self.status == "done":
            return 1.0
        return self.progress.share if self.progress is not None else 0.0


class Timeline:
    """One drive's schedule. `tick` is called once a frame, before the frame is stepped."""

    def __init__(self, weather: int = Weather.CLEAR, time: int = TimeOfDay.DAY, speed_kmh: float = CRUISE_KMH) -> None:
        self._plans = self._steps = 0
        self._frame = 0
        self._stopped = False
        self._speed = _Lasting(speed_kmh / 3.6)
        self._weather = _Lasting(int(weather))
        self._time = _Lasting(int(time))
        self._entries: list[_Entry] = []

    # -- in -----------------------------------------------------------------------------------------------------------

    def plan(self, plan: Plan) -> None:
        """Schedules a plan. SessionError, with nothing changed, where too many steps are waiting."""
        if sum(entry.open for entry in self._entries) + len(plan.steps) > MAX_OPEN:
            raise SessionError(f"More than {MAX_OPEN} steps are waiting; say 'follow the road' to cancel them.")
        self._plans += 1
        self._replace(plan)
        before: _Entry | None = None
        for step in plan.steps:
            self._steps += 1
            before = _Entry(step, self._plans, before, number=self._steps)
            self._entries.append(before)

    def cancel(self, reason: str = "cancelled") -> None:
        """Cancels every step that is not done."""
        for entry in self._open():
            self._end(entry, "cancelled", reason)

    def miss_turns(self, reason: str) -> None:
        """Ends a running turn, which cannot be made, as timed out."""
        for entry in self._open():
            if entry.status == "running" and entry.step.name in TURNS:
                self._end(entry, "timed_out", reason)

    def give_way(self, group: str) -> None:
        """Ends running steps of a group, for those of another person in the same scene."""
        for entry in self._open():
            if entry.status == "running" and entry.step.group == group:
                self._end(entry, "cancelled", "another's took its place")

    def beside(self) -> Timeline:
        """A timeline for another person in the same scene, which shares weather and time of day."""
        other = Timeline()
        other._weather, other._time = self._weather, self._time
        return other

    def tick(self, frame: Frame, keys_held: bool = False) -> TimelineState:
        """Takes in the newest frame; what the plan asks of the next one. keys_held: whether driving steps wait for the person's keys."""
        self._frame += 1
        for entry in self._open():
            if entry.status == "running" and not (keys_held and entry.drives) and entry.progress is not None:
                self._judge(entry, entry.progress.update(frame))
        for entry in self._open():
            if entry.status == "pending" and not (keys_held and entry.drives) and self._due(entry, frame):
                self._begin(entry, frame)
        self._forget()
        return self.state()

    # -- out ----------------------------------------------------------------------------------------------------------

    def state(self) -> TimelineState:
        """What the plan asks of the next frame, and the states of its steps."""
        event, side, level = Event.NONE, Side.NONE, NO_LEVEL
        if (running := self._running("event")) is not None:
            event = Event[running.step.name.upper()]
            sides = [argument for argument in running.step.args if isinstance(argument, str)]
            levels = [argument for argument in running.step.args if isinstance(argument, int)]
            side = Side[sides[0].upper()] if sides else Side.NONE
            level = levels[0] if levels else 2
        return TimelineState(
            self._command(),
            0.0 if self._stopped else self._speed.value,
            int(self._weather.value),
            int(self._time.value),
            int(event),
            int(side),
            level,
            tuple(
                StepState(e.step, print_line(Plan((e.step,))), e.status, e.reason, e.number, e.share)
                for e in self._entries
            ),
        )

    def context(self) -> Context:
        """The context for the brain, to which a sentence may refer ("heavier", "cancel that")."""
        pending = next((e.step.name for e in self._open() if e.step.group == "drive"), None)
        return Context(
            condition_line("weather", int(self._weather.value)),
            condition_line("time", int(self._time.value)),
            round(self._speed.value * 3.6),
            pending,
        )

    @property
    def event_running(self) -> int:
        """The number of the running event step, 0 without one."""
        running = self._running("event")
        return running.number if running is not None else 0

    @property
    def busy(self) -> bool:
        """Whether any step is not done."""
        return any(entry.open for entry in self._entries)

    # -- when a step begins -------------------------------------------------------------------------------------------

    def _due(self, entry: _Entry, frame: Frame) -> bool:
        entry.waited += 1
        match entry.step.when.kind:
            case "delay":
                seconds = entry.step.when.seconds or 0.0
                entry.reason = f"in {max(0.0, seconds - entry.waited / FPS):.0f} s"
                if entry.waited <= round(seconds * FPS):
                    return False
            case "next":
                if entry.after is not None and entry.after.status == "cancelled":
                    self._end(entry, "cancelled", "the step before it was cancelled")
                    return False
                if entry.after is not None and entry.after.open:
                    entry.reason = "after the step before"
                    return False
            case "junction":
                entry.watch = entry.watch or JunctionWatch()
                entry.reason = "at the next junction"
                if not entry.watch.reached(frame):
                    if entry.waited >= JUNCTION_SECONDS * FPS:
                        self._end(entry, "timed_out", f"no junction came within {JUNCTION_SECONDS:g} s")
                    return False
            case _:
                pass
        if entry.step.name in COMMANDS and self._manoeuvring():
            entry.reason = "one manoeuvre at a time"
            return False
        return True

    def _begin(self, entry: _Entry, frame: Frame) -> None:
        step = entry.step
        entry.status, entry.reason = "running", ""
        match step.group:
            case "weather":
                self._take_place(entry)
                self._weather.set(weather_of(step), step.duration is not None)
            case "time":
                self._take_place(entry)
                self._time.set(int(TimeOfDay[step.name.upper()]), step.duration is not None)
            case "event":
                self._take_place(entry)
            case _:
                self._begin_drive(entry, frame)
        entry.progress = Progress(step, self._speed.value)

    def _begin_drive(self, entry: _Entry, frame: Frame) -> None:
        name = entry.step.name
        if name in SPEEDS:
            for other in self._open():
                if other is not entry and other.status == "running" and other.step.name in SPEEDS:
                    self._end(other, "cancelled", "another speed came")
            now = self._speed.value * 3.6
            kmh = {"faster": now + CHANGE_KMH, "slower": now - CHANGE_KMH}.get(name)
            if kmh is None:
                kmh = float(entry.step.args[0])
            self._speed.set(max(0.0, min(MAX_KMH, kmh)) / 3.6, entry.step.duration is not None)
            self._stopped = self._stopped and (name == "slower" or kmh <= 0)
            return
        if name == "stop":
            self._stopped = True
            return
        for other in self._entries[: self._entries.index(entry)]:
            stops = other.status == "running" and other.step.name == "stop"  # whatever moves the car ends a stop
            if other.open and (stops or (name == "follow" and other.drives)):
                self._end(other, "cancelled", f"{name} came")
        self._stopped = False
        if name == "go" and self._speed.value <= 0:
            self._speed.set(CRUISE_KMH / 3.6, False)

    # -- when it ends -------------------------------------------------------------------------------------------------

    def _judge(self, entry: _Entry, verdict: StepOutcome | None) -> None:
        if verdict is not None:
            self._end(entry, verdict.outcome, verdict.reason)

    def _end(self, entry: _Entry, status: Status, reason: str) -> None:
        if entry.status == "running" and entry.step.duration is not None:  # the value before comes back
            match entry.step.group:
                case "weather":
                    self._weather.restore()
                case "time":
                    self._time.restore()
                case "speed":
                    self._speed.restore()
                case _:
                    pass
        entry.status, entry.reason, entry.ended = status, reason, self._frame

    def _take_place(self, entry: _Entry) -> None:
        """Ends the running condition or event of the same kind."""
        for other in self._open():
            if other is not entry and other.status == "running" and other.step.group == entry.step.group:
                self._end(other, "cancelled", f"{entry.step.name} took its place")

    def _replace(self, plan: Plan) -> None:
        names = [step.name for step in plan.steps]
        for entry in self._open():
            name, group = entry.step.name, entry.step.group
            if "follow" in names and entry.drives:
                self._end(entry, "cancelled", "cancelled")
            elif group == "drive" and name not in SPEEDS and any(_manoeuvres(n) for n in names):
                self._end(entry, "cancelled", "a new plan came")
            elif name == "stop" and "go" in names:
                self._end(entry, "cancelled", "go came")
            elif name in SPEEDS and any(n in SPEEDS for n in names):
                self._end(entry, "cancelled", "a new speed came")

    def _forget(self) -> None:
        """Drops finished steps once they are old or many, except those that another one waits for."""
        over = [e for e in self._entries if not e.open and self._frame - e.ended < KEEP_SECONDS * FPS]
        recent = {id(e) for e in sorted(over, key=lambda e: e.ended)[-KEEP_STEPS:]}
        awaited = {id(e.after) for e in self._open()}
        self._entries = [e for e in self._entries if e.open or id(e) in recent or id(e) in awaited]

    # -- look-ups -----------------------------------------------------------------------------------------------------

    def _open(self) -> list[_Entry]:
        return [entry for entry in self._entries if entry.open]

    def _running(self, group: str) -> _Entry | None:
        return next((e for e in self._entries if e.status == "running" and e.step.group == group), None)

    def _manoeuvre(self) -> _Entry | None:
        return next((e for e in self._entries if e.status == "running" and e.step.name in COMMANDS), None)

    def _manoeuvring(self) -> bool:
        names = {e.step.name for e in self._entries if e.status == "running"}
        return "stop" in names or not names.isdisjoint(COMMANDS)

    def _command(self) -> int:
        if self._stopped or self._speed.value <= 0:
            return int(Command.STOP)
        running = self._manoeuvre()
        return int(COMMANDS[running.step.name]) if running is not None else int(Command.FOLLOW)


class _Lasting:
    """A value that a step may change for a while. Its fields are saved with a drive."""

    def __init__(self, value: float) -> None:
        self.value = self._base = value

    def set(self, value: float, for_a_while: bool) -> None:
        """Changes the value, for a while or for good."""
        self.value = value
        if not for_a_while:
            self._base = value

    def restore(self) -> None:
        """Brings back the last value that was set for good."""
        self.value = self._base


def _manoeuvres(name: str) -> bool:
    return name in COMMANDS or name == "stop"

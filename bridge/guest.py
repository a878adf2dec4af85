"""A second person's car in somebody's dream: a plan, a wheel, sentences and pictures of its own; steps and pauses are the host's.

A guest rides along in the host's session: its wish is asked for with the host's (`steer`), its frame comes with the host's
(`follow`). Weather and time of day are the scene's, so both timelines share them; an event that either asks for takes the
place of the other's.
"""

from __future__ import annotations

from typing import Any

from bridge.conversation import Conversation
from bridge.errors import DataError, SessionError, explain
from bridge.mailbox import Mailbox
from bridge.recording.last_minute import LastMinute
from bridge.session import Session
from bridge.snapshot import StepRequest
from bridge.timeline import Timeline
from world.controls import FPS
from world.dream import AnyDream
from world.frame import Frame
from world.scene_dream import SceneDream

NOT_YOURS = "You are a guest in this dream, and only its host can do that; open the page in another tab for a dream of your own."
OVER = "The host's dream is over; reload the page to begin one of your own."
APART = 3 * FPS  # frames after which another touch is told again
TOUCHED = "The two cars touched: yours and {}."


class Guest(Session):
    """Made by the loop's thread between two frames. DataError where the host's dream has no place for a second car.

    The host's session tells it what to do; it is in the loop as well, for what it says and is shown.
    """

    def __init__(self, host: Session) -> None:
        drive = host.beside()
        self._join(Mailbox(), drive, LastMinute(drive.dream, drive.scene, drive.frame))
        self._conversation = Conversation(drive, self._recorder)
        self._host, self._wish = host, StepRequest(drive.frame.control, False, ())
        self._events = (0, 0)  # numbers of the host's running event and of ours
        self._apart, self.over = APART, False  # frames since the two cars touched; whether it is over
        host.companion = self
        host.watch(host.watched)
        self.begin_tick()

    # -- a person's side ----------------------------------------------------------------------------------------------

    def pause(self, on: bool) -> None:
        self._host.pause(on)

    def step_once(self) -> None:
        self._host.step_once()

    def watch(self, on: bool) -> None:
        """Without anybody there the car drives on by its plan or by itself."""
        self.watched = on
        self._host.watch(self._host.watched)

    def begin(self, *args: Any, **kwargs: Any) -> None:
        raise SessionError(NOT_YOURS)

    def fork(self) -> Session:
        raise SessionError(NOT_YOURS)

    def go_on_from(self, dream: AnyDream, timeline: Timeline, pedals: tuple[float, float], scene: str | None) -> None:
        raise SessionError(NOT_YOURS)

    def leave(self) -> None:
        """From the next tick on the car is one of the traffic."""
        self.over = True

        def order() -> None:
            if self._host.companion is self:
                self._host.companion = None
                self._host.watch(self._host.watched)
                if isinstance(dream := self._host.dream, SceneDream) and dream.seat is not None:
                    dream.alone()

        self._host.soon(order)

    def end(self, sentence: str = OVER) -> None:
        """The host's dream is over, or has no place for it any more."""
        self.over = True
        self.tell(sentence, "error")

    # -- the loop's side ----------------------------------------------------------------------------------------------

    def begin_tick(self) -> bool:
        """Takes what came in; no frame of its own is ever due."""
        self._mailbox.paused = self.over or self._host.snapshot().paused
        super().begin_tick()
        self._publish()
        return False

    def steer(self) -> None:
        """The host's dream is about to be stepped: what our car is to do. DataError when the driver cannot say."""
        assert isinstance(self._host.dream, SceneDream)
        before, hosts = self._events, self._host.timeline.event_running
        if hosts not in (0, before[0]):
            self.timeline.give_way("event")
        keys = self._mailbox.keys
        state = self._drive.advance_timeline(keys)
        ours = self.timeline.event_running
        if ours not in (0, before[1]):
            self._host.timeline.give_way("event")
        self._events = (self._host.timeline.event_running, ours)
        self._conversation.follow(state)
        self._wish = self._drive.wish(state, keys)
        self._host.dream.tell(self._wish.control)

    def follow(self) -> Frame:
        """The host's dream has been stepped: our frame of it."""
        host, ours = self._host.dream, self.dream
        assert isinstance(host, SceneDream) and isinstance(ours, SceneDream) and host.seat is not None
        frame = host.show(ours, self._wish.control)
        self.take(self._wish, frame)
        contacts = (int(host.state_now.ego["contact"][0]), int(host.seat.ego["contact"][0]))
        touching = host.seat.id in contacts
        if touching and self._apart >= APART:
            self.tell(TOUCHED.format("the host's"))
            self._host.tell(TOUCHED.format("your guest's"))
        self._apart = 0 if touching else self._apart + 1
        return frame

    def board(self) -> None:
        """The host has begun another dream, in which we go along if there is a place."""
        try:
            drive = self._host.beside()
        except DataError as error:
            self._host.companion = None
            self.end(f"The host began another dream without you. {explain(error)}")
            return
        self._drive.go_on_from(drive.dream, drive.frame, drive.timeline, drive.scene)
        self._events, self._apart = (0, 0), APART
        self._wish = StepRequest(drive.frame.control, False, ())
        self._renew()
        self.tell("The host began another dream, and you drive along in it.")

    def _refuse_plans(self) -> None:
        if self.over:
            raise SessionError(OVER)

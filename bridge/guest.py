"""A second person's car in a host's dream, with its own plan, wheel, sentences and pictures; steps and pauses are the host's.

The host's session asks for the guest's control with its own (`steer`), and the guest's frame comes with the host's (`follow`).
Weather and time of day are the scene's, so both timelines share them; an event of either replaces the other's.
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
APART = 3 * FPS  # frames without contact after which another one is announced
TOUCHED = "The two cars touched: yours and {}."


class Guest(Session):
    """A guest; make it in the loop's thread between two frames. DataError where the host's dream has no place for a second car.

    The host's session steps it; it is in the loop as well, for its sentences and snapshot.
    """

    def __init__(self, host: Session) -> None:
        drive = host.beside()
        self._join(Mailbox(), drive, LastMinute(drive.dream, drive.scene, drive.frame))
        self._conversation = Conversation(drive, self._recorder)
        self._host, self._request = host, StepRequest(drive.frame.control, False, ())
        self._events = (0, 0)  # numbers of the host's running event and of ours
        self._apart, self.over = APART, False  # frames since the last contact; whether the visit is over
        host.companion = self
        host.watch(host.watched)
        self.begin_tick()

    # -- a person's side ----------------------------------------------------------------------------------------------

    def pause(self, on: bool) -> None:
        """Pauses the host's drive, or lets it go on."""
        self._host.pause(on)

    def step_once(self) -> None:
        """Makes one frame of the host's drive while it is paused."""
        self._host.step_once()

    def watch(self, on: bool) -> None:
        """Says whether its person is there; without them the car drives on."""
        self.watched = on
        self._host.watch(self._host.watched)

    def begin(self, *args: Any, **kwargs: Any) -> None:
        """SessionError: only the host may."""
        raise SessionError(NOT_YOURS)

    def fork(self) -> Session:
        """SessionError: only the host may."""
        raise SessionError(NOT_YOURS)

    def continue_from(
        self, dream: AnyDream, timeline: Timeline, pedals: tuple[float, float], scene: str | None
    ) -> None:
        """SessionError: only the host may."""
        raise SessionError(NOT_YOURS)

    def leave(self) -> None:
        """Leaves the car to the traffic from the next tick on."""
        self.over = True

        def order() -> None:
            if self._host.companion is self:
                self._host.companion = None
                self._host.watch(self._host.watched)
                if isinstance(dream := self._host.dream, SceneDream) and dream.seat is not None:
                    dream.alone()

        self._host.call_soon(order)

    def end(self, sentence: str = OVER) -> None:
        """Ends the visit with a sentence: the host's dream is over, or has no place any more."""
        self.over = True
        self.tell(sentence, "error")

    # -- the loop's side ----------------------------------------------------------------------------------------------

    def begin_tick(self) -> bool:
        """Carries out the orders; False, since its frames come with the host's."""
        self._mailbox.paused = self.over or self._host.snapshot().paused
        super().begin_tick()
        self._publish()
        return False

    def steer(self) -> None:
        """Gives our car's control to the host's dream, which is about to be stepped. DataError where the driver fails."""
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
        self._request = self._drive.step_request(state, keys)
        self._host.dream.tell(self._request.control)

    def follow(self) -> Frame:
        """Takes our frame of the host's dream, which has been stepped."""
        host, ours = self._host.dream, self.dream
        assert isinstance(host, SceneDream) and isinstance(ours, SceneDream) and host.seat is not None
        frame = host.show(ours, self._request.control)
        self.take(self._request, frame)
        contacts = (int(host.state_now.ego["contact"][0]), int(host.seat.ego["contact"][0]))
        touching = host.seat.id in contacts
        if touching and self._apart >= APART:
            self.tell(TOUCHED.format("the host's"))
            self._host.tell(TOUCHED.format("your guest's"))
        self._apart = 0 if touching else self._apart + 1
        return frame

    def board(self) -> None:
        """Goes along in another dream that the host has begun, or ends where it has no place."""
        try:
            drive = self._host.beside()
        except DataError as error:
            self._host.companion = None
            self.end(f"The host began another dream without you. {explain(error)}")
            return
        self._drive.continue_from(drive.dream, drive.frame, drive.timeline, drive.scene)
        self._events, self._apart = (0, 0), APART
        self._request = StepRequest(drive.frame.control, False, ())
        self._renew()
        self.tell("The host began another dream, and you drive along in it.")

    def _refuse_plans(self) -> None:
        if self.over:
            raise SessionError(OVER)

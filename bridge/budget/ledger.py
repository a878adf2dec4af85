"""Who holds how much of a device. Nothing is allocated that has not been reserved here before.

    with ledger.loading("the brain", need) as lease:    one load at a time; released again if it fails
        model = load()
        lease.commit(measured)
    ...
    lease.release()                                     or `with lease:` around its use

What is reserved or committed never exceeds the capacity, nor, when it is granted, what other programs leave of the
device. A program that takes more later makes `overrun` positive: nothing is granted until it is over.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType

from bridge.budget.device import Device
from bridge.budget.sizes import BudgetError, show_size


@dataclass(frozen=True, slots=True)
class Instead:
    """Something smaller that would do."""

    what: str
    size: int


@dataclass(frozen=True, slots=True)
class Held:
    """A lease as it stands. committed: what it was reserved for is there."""

    owner: str
    size: int
    committed: bool


class NoRoomError(BudgetError):
    """A lease was refused. needed, room: bytes; fits: the first of what was offered instead that would fit."""

    def __init__(self, sentence: str, needed: int, room: int, fits: Instead | None) -> None:
        super().__init__(sentence)
        self.needed, self.room, self.fits = needed, room, fits


class Lease:
    """An owner's share. Leaving its `with` block releases it."""

    def __init__(self, ledger: Ledger, owner: str, size: int) -> None:
        self.owner, self.size, self.committed = owner, size, False
        self._ledger = ledger

    def commit(self, size: int | None = None) -> None:
        """What was reserved is there, and takes `size` bytes. NoRoomError where more is asked for than there is."""
        self._ledger._commit(self, self.size if size is None else size)

    def release(self) -> None:
        """Gives it back; again is no fault."""
        self._ledger._release(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Ledger:
    """Of one device, any part of which is lent to one owner at a time. Every method may be called from any thread."""

    def __init__(self, device: Device, capacity: int | None = None, *, enforce: bool = False) -> None:
        """capacity: default, all there is. enforce: the device itself refuses what goes beyond."""
        self.device = device
        self.capacity = min(device.total(), device.total() if capacity is None else capacity)
        self._leases: list[Lease] = []
        self._lock = threading.RLock()
        self._load = threading.Lock()
        if enforce:
            device.cap(self.capacity)

    @property
    def taken(self) -> int:
        """Bytes reserved or committed."""
        with self._lock:
            return sum(lease.size for lease in self._leases)

    @property
    def room(self) -> int:
        """Bytes that would be granted now."""
        return max(0, self._left())

    @property
    def overrun(self) -> int:
        """Bytes that other programs have taken of what is lent here."""
        return max(0, -self._left())

    def held(self) -> tuple[Held, ...]:
        with self._lock:
            return tuple(Held(one.owner, one.size, one.committed) for one in self._leases)

    def reserve(self, owner: str, size: int, instead: Sequence[Instead] = ()) -> Lease:
        """NoRoomError says why not, and which of `instead` would fit."""
        if size < 0:
            raise ValueError(f"{owner} cannot hold {size} bytes")
        with self._lock:
            self._check(owner, size, size, instead)
            lease = Lease(self, owner, size)
            self._leases.append(lease)
            return lease

    @contextmanager
    def loading(self, owner: str, size: int, instead: Sequence[Instead] = ()) -> Iterator[Lease]:
        """A lease to load under, while nothing else loads. It lives on, committed, unless loading fails."""
        with self._load:
            lease = self.reserve(owner, size, instead)
            try:
                yield lease
                if not lease.committed:
                    lease.commit()
            except BaseException:
                lease.release()
                raise

    def _left(self) -> int:
        foreign = self.device.foreign()
        with self._lock:
            return min(self.capacity, self.device.total() - foreign) - self.taken

    def _check(self, owner: str, size: int, more: int, instead: Sequence[Instead] = ()) -> None:
        room = self._left()
        if more <= room:
            return
        fits = next((one for one in instead if one.size <= room), None)
        holders = [f"{one.owner} {show_size(one.size)}" for one in self.held()]
        others = self.device.total() - self.device.foreign()
        if others < self.capacity:
            holders.append(f"other programs {show_size(self.capacity - others)}")
        remedy = f"{fits.what} would fit" if fits else "close a dream or another program"
        raise NoRoomError(
            f"There is no room for {owner}: it needs {show_size(size)}, and {show_size(max(0, room))} of"
            f" {show_size(self.capacity)} are left ({', '.join(holders) or 'nothing is lent'}); {remedy}.",
            size,
            max(0, room),
            fits,
        )

    def _commit(self, lease: Lease, size: int) -> None:
        with self._lock:
            if lease not in self._leases:
                raise ValueError(f"the lease of {lease.owner} has been released")
            if size > lease.size:
                self._check(lease.owner, size, size - lease.size)
            lease.size, lease.committed = size, True

    def _release(self, lease: Lease) -> None:
        with self._lock:
            if lease in self._leases:
                self._leases.remove(lease)

"""Who holds how much of a device. Nothing is allocated that has not been reserved here before.

    with ledger.loading("the brain", need) as lease:    one load at a time; released again if it fails
        model = load()
        lease.commit(measured)
    ...
    lease.release()                                     or `with lease:` around its use

What is reserved or committed never exceeds the capacity, nor, at the moment it is granted, what other programs leave of the
device. A program that takes more later makes `overrun` positive; until that is over nothing more is granted.
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
class Alternative:
    """Something smaller that would do as well: what, and its bytes."""

    what: str
    size: int


@dataclass(frozen=True, slots=True)
class LeaseInfo:
    """The state of a lease. size: bytes; committed: whether its owner has loaded."""

    owner: str
    size: int
    committed: bool


class NoRoomError(BudgetError):
    """A lease was refused. needed, room: bytes; fits: the first of the alternatives that would fit."""

    def __init__(self, sentence: str, needed: int, room: int, fits: Alternative | None) -> None:
        super().__init__(sentence)
        self.needed, self.room, self.fits = needed, room, fits


class Lease:
    """An owner's share of a device. Leaving its `with` block releases it."""

    def __init__(self, ledger: Ledger, owner: str, size: int) -> None:
        self.owner, self.size, self.committed = owner, size, False
        self._ledger = ledger

    def commit(self, size: int | None = None) -> None:
        """Says that the owner has loaded, and takes `size` bytes (default: as reserved). NoRoomError where that is more than there is room for."""
        self._ledger._commit(self, self.size if size is None else size)

    def release(self) -> None:
        """Gives the share back; a second call does nothing."""
        self._ledger._release(self)

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Ledger:
    """The leases of one device. Every method may be called from any thread."""

    def __init__(self, device: Device, capacity: int | None = None, *, enforce: bool = False) -> None:
        """capacity: bytes (default: the whole device); enforce: make the device itself refuse what goes beyond."""
        self.device = device
        self.capacity = min(device.total(), device.total() if capacity is None else capacity)
        self._leases: list[Lease] = []
        self._lock = threading.RLock()
        self._load = threading.Lock()
        if enforce:
            device.cap(self.capacity)

    @property
    def reserved(self) -> int:
        """Bytes reserved or committed."""
        with self._lock:
            return sum(lease.size for lease in self._leases)

    @property
    def room(self) -> int:
        """Bytes that a lease would get now."""
        return max(0, self._left())

    @property
    def overrun(self) -> int:
        """Bytes of the leases that other programs have taken."""
        return max(0, -self._left())

    def leases(self) -> tuple[LeaseInfo, ...]:
        """All leases, the oldest first."""
        with self._lock:
            return tuple(LeaseInfo(one.owner, one.size, one.committed) for one in self._leases)

    def reserve(self, owner: str, size: int, alternatives: Sequence[Alternative] = ()) -> Lease:
        """A lease of `size` bytes. NoRoomError says who holds the memory, and which of `alternatives` would fit."""
        if size < 0:
            raise ValueError(f"{owner} cannot hold {size} bytes")
        with self._lock:
            self._check(owner, size, size, alternatives)
            lease = Lease(self, owner, size)
            self._leases.append(lease)
            return lease

    @contextmanager
    def loading(self, owner: str, size: int, alternatives: Sequence[Alternative] = ()) -> Iterator[Lease]:
        """A lease to load under while nothing else loads; committed at the end, released where loading fails. NoRoomError."""
        with self._load:
            lease = self.reserve(owner, size, alternatives)
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
            return min(self.capacity, self.device.total() - foreign) - self.reserved

    def _check(self, owner: str, size: int, more: int, alternatives: Sequence[Alternative] = ()) -> None:
        """NoRoomError where there is no room for `more` bytes of the `size` that the owner needs."""
        room = self._left()
        if more <= room:
            return
        fits = next((one for one in alternatives if one.size <= room), None)
        holders = [f"{one.owner} {show_size(one.size)}" for one in self.leases()]
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

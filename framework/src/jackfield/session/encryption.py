"""End-to-end encryption of one call: what we send is sealed, what comes is opened, what cannot be is told once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

from livekit.protocol.models import DataPacket

from jackfield.log_limit import limited_logger
from jackfield.media.encryption import frames, packets
from jackfield.media.encryption.frames import FrameSealer, Sealed
from jackfield.media.encryption.keys import Key, KeyRing
from jackfield.media.encryption.packets import PacketSealer
from jackfield.values.errors import CallError, EncryptionError
from jackfield.values.media import EncodedFrame
from jackfield.values.settings import KEY_MAX

logger = limited_logger("jackfield.encryption")

#: Frames in a row that do not open before it is said: a key that is being changed is not the same everywhere at once.
PATIENCE = 5
#: How often a key is ratcheted forward in search of the one that others have moved on to.
RATCHETS = 8
#: Of the frames in a row that do not open, the first few and then each so-many-th are tried with those keys.
TRIED_EVERY = 30
#: Data packets that wait while a key is sought.
_WAITING_MAX = 256
#: How often it is said of one track that it cannot be read: whoever sends what can be read in between has no say in it.
TOLD_EACH = 3
#: Tracks, and senders of data, of which it is remembered that it was said; of more, nothing is said.
TOLD_MAX = 256
NO_KEY = "it is encrypted end to end, and this call has no key"
_NO_KEY_HERE = "this call was not joined with e2ee_key: what we send is not encrypted"

Failed = Callable[[CallError, str], None]
Unseal = Callable[[EncodedFrame], EncodedFrame | None]


class CallEncryption:
    """Of one call; ``ring`` is None where it has no key. Used on the event loop. ``failed`` is told of what cannot be
    read, and whose it is; frames that end with ``filler`` are the server's own, and nobody's pictures."""

    def __init__(self, ring: KeyRing | None, failed: Failed, *, filler: bytes = b"") -> None:
        self.ring, self._failed, self._filler = ring, failed, filler
        self._packets = PacketSealer(ring) if ring is not None else None
        self._told: Counter[str] = Counter()
        #: Index → the generation of the ring, and its key as it is, ratcheted once, twice …
        self._ahead: dict[int, tuple[int, list[Key]]] = {}
        self._deriving = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._waiting: list[tuple[DataPacket, Callable[[DataPacket], None]]] = []

    # --- keys
    async def set_key(self, key: str, index: int = 0) -> None:
        """What we send is encrypted with this key from now on, and what names this index is opened with it."""
        ring = self._ring()
        if not 1 <= len(key) <= KEY_MAX:
            raise EncryptionError(f"a key has 1 to {KEY_MAX} characters; this one has {len(key)}")
        made = await asyncio.to_thread(Key, key.encode())
        ring.set(made, index)
        self._told.clear()

    async def ratchet(self) -> None:
        """The key is the next one from now on; those who have the one before find it by themselves."""
        ring = self._ring()
        index = ring.current
        ring.set(await asyncio.to_thread(ring.key.ratcheted), index)

    def _ring(self) -> KeyRing:
        if self.ring is None:
            raise EncryptionError(f"{_NO_KEY_HERE}; join again with the setting")
        return self.ring

    async def search(self, opens: Callable[[Key], object], index: int) -> bool:
        """Whether the key of this index, ratcheted forward, opens it; then it is the key. ``opens`` raises
        ``ValueError`` where a key does not.

        Ratcheting costs half a second of a core, once for each key that was set, whoever sends nonsense; trying what it
        gave costs next to nothing.
        """
        ring = self._ring()
        async with self._deriving:
            for step in range(RATCHETS + 1):  # the key itself: another search may have moved it on
                key = await self._ratcheted(ring, index, step)
                if key is None or not _opens(opens, key):
                    continue
                if step:
                    ring.set(key, index, use=index == ring.current)
                return True
        return False

    async def _ratcheted(self, ring: KeyRing, index: int, steps: int) -> Key | None:
        """The key of this index so many steps on; None where there is none."""
        generation, keys = self._ahead.get(index, (-1, []))
        if generation != ring.generation:
            known = ring.get(index)
            keys = [known] if known is not None else []
            self._ahead[index] = ring.generation, keys
        while keys and len(keys) <= steps:
            keys.append(await asyncio.to_thread(keys[-1].ratcheted))
        return keys[steps] if keys else None

    # --- media
    def sealer(self) -> Callable[[EncodedFrame], EncodedFrame] | None:
        """What seals the frames of one track that we send; None where nothing is encrypted."""
        return FrameSealer(self.ring).seal if self.ring is not None else None

    def opener(self, what: str, again: Callable[[], None]) -> TrackOpener:
        """What opens the frames of one track; ``again`` is called when it can be read after it could not."""
        return TrackOpener(self, what, again, self._filler)

    # --- data
    def seal(self, packet: DataPacket) -> DataPacket:
        """The packet as it is sent."""
        return self._packets.seal(packet) if self._packets is not None else packet

    def read(self, packet: DataPacket, take: Callable[[DataPacket], None]) -> None:
        """Gives ``take`` the packet as it was: at once, or in its turn when the key that others have moved on to is
        found. What cannot be read is said once of each sender."""
        if self._reading is not None:
            if len(self._waiting) < _WAITING_MAX:
                self._waiting.append((packet, take))
            return
        try:
            take(self._opened(packet))
        except Sealed as error:
            uid = packet.participant_identity
            if error.index is None:
                self._say(uid, error)
                return
            self._waiting.append((packet, take))
            self._reading = asyncio.create_task(self._read_on(packet, error.index), name=f"key of data of {uid}")

    def _opened(self, packet: DataPacket, key: Key | None = None) -> DataPacket:
        if self.ring is None:
            raise Sealed(NO_KEY)
        return packets.opened(packet, self.ring, key)

    async def _read_on(self, packet: DataPacket, index: int) -> None:
        try:
            if await self.search(lambda key: self._opened(packet, key), index):
                logger.info("data is encrypted with a later key, which was found")
        finally:
            self._reading = None
            waiting, self._waiting = self._waiting, []
            for each, take in waiting:
                self._read_now(each, take)

    def _read_now(self, packet: DataPacket, take: Callable[[DataPacket], None]) -> None:
        try:
            opened = self._opened(packet)
        except Sealed as error:
            self._say(packet.participant_identity, error)
            return
        take(opened)

    def _say(self, uid: str, error: Sealed) -> None:
        what = _data_of(uid)
        self.tell(what, f"{what} cannot be read: {error}; give every participant the same key", most=1)

    def tell(self, what: str, found: str, *, most: int = TOLD_EACH) -> None:
        """Says that something of ``what`` cannot be read: so often at most until another key is set, and of so many."""
        if self._told[what] >= most or (what not in self._told and len(self._told) >= TOLD_MAX):
            return
        self._told[what] += 1
        self._failed(EncryptionError(found), what)

    def close(self) -> None:
        """Nothing is sought any more."""
        if self._reading is not None:
            self._reading.cancel()


def _data_of(uid: str) -> str:
    return f"data of {uid}"


def _opens(opens: Callable[[Key], object], key: Key) -> bool:
    try:
        opens(key)
    except ValueError:
        return False
    return True


class TrackOpener:
    """Opens the frames of one track. What cannot be read is left out, and said once until it can be read again."""

    def __init__(self, encryption: CallEncryption, what: str, again: Callable[[], None], filler: bytes) -> None:
        self._encryption, self._what, self._again = encryption, what, again
        self._filler = filler
        self._failures, self._told = 0, False
        self._searching: asyncio.Task[None] | None = None

    def open(self, frame: EncodedFrame) -> EncodedFrame | None:
        """The frame as it was before its sender encrypted it; None where it cannot be read."""
        if self._filler and frame.data.endswith(self._filler):
            return None
        ring = self._encryption.ring
        try:
            if ring is None:
                raise Sealed(NO_KEY)
            found = frames.opened(frame, ring)
        except ValueError as error:
            self._unread(frame, error)
            return None
        if self._failures:
            self._failures, self._told = 0, False
            self._again()
        return found

    def _unread(self, frame: EncodedFrame, error: ValueError) -> None:
        self._failures += 1
        index = error.index if isinstance(error, Sealed) else None
        due = self._failures <= PATIENCE or self._failures % TRIED_EVERY == 0
        if index is not None and due and self._searching is None:
            self._searching = asyncio.create_task(self._search(frame, index), name=f"key of {self._what}")
        busy = self._searching is not None and not self._searching.done()
        if self._failures >= PATIENCE and not self._told and not busy:
            self._told = True
            fix = "give every participant the same key (setting e2ee_key)"
            self._encryption.tell(self._what, f"{self._what} cannot be shown: {error}; {fix}")

    async def _search(self, frame: EncodedFrame, index: int) -> None:
        try:
            ring = self._encryption.ring
            if ring is not None and await self._encryption.search(lambda key: frames.opened(frame, ring, key), index):
                logger.info("%s is encrypted with a later key, which was found", self._what)
        finally:
            self._searching = None

    def close(self) -> None:
        """Nothing is sought any more."""
        if self._searching is not None:
            self._searching.cancel()

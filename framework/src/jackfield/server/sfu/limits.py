"""What one server, room, peer or message may grow to. Everything that a peer can make longer is bounded here."""

from __future__ import annotations

from attrs import frozen


@frozen
class Limits:
    """Bounds; a request beyond one is refused with its name, a peer that keeps pushing is disconnected."""

    rooms: int = 1000
    participants_per_room: int = 200
    tracks_per_participant: int = 32
    #: m= sections in a publisher's offer.
    media_sections: int = 256
    #: RTP sources that one publisher may send.
    sources_per_publisher: int = 96
    #: Addresses from which one peer may have been heard.
    addresses_per_link: int = 8
    #: One WebSocket message.
    message_bytes: int = 1 << 20
    #: What may wait for a slow WebSocket reader before it is dropped.
    queued_messages: int = 512
    queued_bytes: int = 4 << 20
    write_timeout_s: float = 10.0
    #: Signal requests of one peer in one second.
    requests_per_second: int = 300
    #: Changes of its own metadata, name or attributes, each of which everybody in the room hears of.
    changes_per_second: int = 20
    #: Datagrams of one connection; what is beyond is dropped unread (92 Mbit/s of full ones).
    datagrams_per_second: int = 10_000
    #: Data channels that a publisher may open.
    channels: int = 16
    name_length: int = 256
    #: What a publisher says of one track: everybody in the room, and everybody who comes, is told of it.
    track_bytes: int = 2 << 10
    #: Who may subscribe to what, as one publisher says.
    permission_bytes: int = 64 << 10
    metadata_bytes: int = 64 << 10
    #: All keys and values of a participant's attributes together.
    attributes_bytes: int = 64 << 10
    data_packet_bytes: int = 64 << 10
    #: Reliable packets kept for a participant whose data channel is still being opened.
    early_data_packets: int = 128
    #: The share of a core above which no new room is opened; 0: none.
    cpu_share: float = 0.0
    #: Pictures that one subscriber gets at a time, of those who spoke last; 0: all.
    last_n: int = 0
    #: Retransmissions to one subscriber in one second.
    retransmissions_per_second: int = 3000
    #: A subscriber answers an offer within this time, or is told to connect anew.
    answer_timeout_s: float = 15.0
    #: Whose signalling broke is waited for so long since anything was last heard of them, media included; and for the
    #: longer time at most.
    resume_s: float = 12.0
    resume_longest_s: float = 60.0
    #: A participant gets a new token this often, which lasts twice as long.
    token_refresh_s: float = 300.0
    #: A room that nobody ever joined, and one that everybody left, is closed after this time.
    empty_room_s: float = 300.0
    departed_room_s: float = 20.0


class Allowance:
    """So many a second and no more, in windows of one second. Instants are any growing number of nanoseconds."""

    __slots__ = ("_left", "_per_second", "_since_ns")

    def __init__(self, per_second: int) -> None:
        self._per_second = self._left = per_second
        self._since_ns = 0

    def limit(self, per_second: int) -> None:
        """So many from now on."""
        self._per_second, self._left = per_second, min(self._left, per_second)

    def take(self, now_ns: int) -> bool:
        """Whether one more is allowed now; then it is taken."""
        if now_ns - self._since_ns >= 1_000_000_000:
            self._since_ns, self._left = now_ns, self._per_second
        if self._left <= 0:
            return False
        self._left -= 1
        return True

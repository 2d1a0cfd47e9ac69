"""Statistics by their W3C names (https://www.w3.org/TR/webrtc-stats/), in W3C units: seconds, bits per second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jackfield.session.remote_track import RemoteTrack

_MS = 0.001
#: What the RTP layer calls it → the W3C's name, and the factor to its unit.
NAMES: Mapping[str, tuple[str, float]] = {
    "bitrate_bps": ("bitrate", 1),
    "bytes_received": ("bytesReceived", 1),
    "bytes_sent": ("bytesSent", 1),
    "delay_ms": ("jitterBufferTargetDelay", _MS),
    "fps": ("framesPerSecond", 1),
    "frames_dropped": ("framesDropped", 1),
    "frames_lost": ("concealmentEvents", 1),
    "frames_received": ("framesReceived", 1),
    "frames_sent": ("framesSent", 1),
    "height": ("frameHeight", 1),
    "jitter_ms": ("jitter", _MS),
    "keyframe_requests": ("pliCount", 1),
    "keyframes_received": ("keyFramesReceived", 1),
    "keyframes_sent": ("keyFramesSent", 1),
    "nacks_received": ("nackCount", 1),
    "nacks_sent": ("nackCount", 1),
    "packets_late": ("packetsDiscarded", 1),
    "packets_lost": ("packetsLost", 1),
    "packets_received": ("packetsReceived", 1),
    "packets_recovered": ("packetsRecovered", 1),
    "packets_repaired": ("retransmittedPacketsSent", 1),
    "packets_retransmitted": ("retransmittedPacketsReceived", 1),
    "packets_sent": ("packetsSent", 1),
    "remote_fraction_lost": ("fractionLost", 1),
    "remote_jitter_ms": ("jitter", _MS),
    "remote_packets_lost": ("packetsLost", 1),
    "rtt_ms": ("roundTripTime", _MS),
    "target_bitrate_bps": ("targetBitrate", 1),
    "width": ("frameWidth", 1),
    "srtp_profile": ("srtpCipher", 1),
    "waiting_for_keyframe": ("waitingForKeyframe", 1),
}


def w3c(counters: Mapping[str, Any]) -> dict[str, Any]:
    """The same figures by W3C name; what has none keeps its own."""
    found: dict[str, Any] = {}
    for name, value in counters.items():
        known, factor = NAMES.get(name, (name, 1))
        scaled = isinstance(value, int | float) and not isinstance(value, bool) and factor != 1
        found[known] = value * factor if scaled else value
    return found


def transport_stats(counters: Mapping[str, Any]) -> dict[str, Any]:
    """Counters of a peer connection by W3C name, without those of its tracks."""
    return w3c({name: value for name, value in counters.items() if name != "tracks"})


def track_stats(track: RemoteTrack) -> dict[str, Any]:
    """Counters of a remote track, and whose it is."""
    return {
        "sid": track.sid,
        "name": track.name,
        "uid": track.participant.uid,
        "participant": track.participant.name,
        **track.stats(),
    }

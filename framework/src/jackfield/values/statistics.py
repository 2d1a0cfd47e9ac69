"""What `CallSession.stats` answers with, by the W3C's names (https://www.w3.org/TR/webrtc-stats/) and in its units:
seconds, bytes, bits per second. A key is absent where nothing is known of it yet."""

from __future__ import annotations

from typing import Literal, TypedDict

LimitationReason = Literal["none", "cpu", "bandwidth", "other"]


class CandidateStats(TypedDict, total=False):
    """One end of a path (RTCIceCandidateStats)."""

    #: Its address.
    address: str
    #: Its port.
    port: int
    #: host, srflx, prflx or relay.
    candidateType: str
    #: udp or tcp.
    protocol: str


class CandidatePairStats(TypedDict, total=False):
    """The pair of candidates in use (RTCIceCandidatePairStats)."""

    #: Our end.
    local: CandidateStats
    #: The other end.
    remote: CandidateStats
    #: How long the last connectivity check took.
    currentRoundTripTime: float | None
    #: All of them together.
    totalRoundTripTime: float
    #: How many were answered.
    responsesReceived: int
    #: What the path is thought to take, in bits per second; of the connection that sends.
    availableOutgoingBitrate: int | None
    #: What the other end was told that the path takes (REMB), where it learns it from nothing else.
    availableIncomingBitrate: int | None


class TransportStats(TypedDict, total=False):
    """One of the two connections for media (RTCTransportStats)."""

    #: new, connecting, connected, disconnected, failed or closed.
    state: str
    #: Datagrams, of every sort.
    packetsSent: int
    #: Datagrams, of every sort.
    packetsReceived: int
    #: In these datagrams.
    bytesSent: int
    #: In these datagrams.
    bytesReceived: int
    #: The SRTP protection profile.
    srtpCipher: str
    #: The path in use; None before there is one.
    selectedCandidatePair: CandidatePairStats | None


class ConnectionStats(TypedDict):
    """The connection to the server."""

    #: ``connected``; ``reconnecting`` from `connection_lost` to `connection_restored`; ``over``.
    state: str
    #: How long the server takes to answer a ping on the signalling connection.
    signalRoundTripTime: float
    #: The connection that our media goes out on.
    publisher: TransportStats
    #: The connection that the media of others comes in on.
    subscriber: TransportStats


class PublicationStats(TypedDict, total=False):
    """One track that we send (RTCOutboundRtpStreamStats), and what the other end reported of it
    (RTCRemoteInboundRtpStreamStats). ``roundTripTime``, ``jitter``, ``packetsLost`` and ``fractionLost`` are of the
    latter. Where a picture is sent in several sizes, sums and sizes are those of all and of the largest."""

    #: The server's name of the track.
    sid: str
    #: Ours.
    name: str
    #: audio or video.
    kind: str
    #: camera, microphone, screen, screen_audio or unknown.
    source: str
    #: The codec that is sent.
    codec: str
    #: Who encodes it; empty where its source does.
    encoderImplementation: str
    #: The id of the device it comes from; empty for a program's source.
    device: str
    #: Whether it is off.
    muted: bool
    #: The same of each size, the smallest first, with its ``rid``; only where there are several (simulcast).
    layers: list[PublicationStats]
    #: Which size it is: q, h or f; only of those.
    rid: str
    #: The RTP source.
    ssrc: int
    #: Bits of payload in the last second.
    bitrate: int
    #: What the encoder is asked for, in bits per second; None before the path was measured.
    targetBitrate: int | None
    #: RTP packets, without repairs.
    packetsSent: int
    #: Their payload.
    bytesSent: int
    #: Repairs that were asked for and sent.
    retransmittedPacketsSent: int
    #: Their payload.
    retransmittedBytesSent: int
    #: Whether each packet of sound holds those before it once more (RED, RFC 2198).
    redundant: bool
    #: Packets that the other end asked for again.
    nackCount: int
    #: Picture Loss Indications that came.
    pliCount: int
    #: Full Intra Requests that came.
    firCount: int
    #: Frames that were handed to the network.
    framesSent: int
    #: Keyframes among them.
    keyFramesSent: int
    #: Frames of the last second.
    framesPerSecond: int
    #: Frames that were encoded here.
    framesEncoded: int
    #: Keyframes among them.
    keyFramesEncoded: int
    #: Pictures that were not encoded, for want of time.
    framesDropped: int
    #: Width of what is sent.
    frameWidth: int
    #: Height of what is sent.
    frameHeight: int
    #: Seconds that encoding took.
    totalEncodeTime: float
    #: What keeps it from its full quality: none, cpu, bandwidth or other.
    qualityLimitationReason: LimitationReason
    #: Seconds under each of them.
    qualityLimitationDurations: dict[str, float]
    #: How often size or rate were changed for it.
    qualityLimitationResolutionChanges: int
    #: How long the other end's report took, there and back.
    roundTripTime: float | None
    #: All such together.
    totalRoundTripTime: float
    #: How many there were.
    roundTripTimeMeasurements: int
    #: Packets that the other end has not got, before repair.
    packetsLost: int
    #: Their share since the report before.
    fractionLost: float
    #: Interarrival jitter at the other end.
    jitter: float


class TrackStats(TypedDict, total=False):
    """One remote track (RTCInboundRtpStreamStats). A picture counts as shown when it was decoded; where nobody decodes,
    when it was whole."""

    #: The server's name of the track.
    sid: str
    #: Its sender's.
    name: str
    #: Whose it is.
    uid: str
    #: Their name.
    participant: str
    #: audio or video.
    kind: str
    #: camera, microphone, screen, screen_audio or unknown.
    source: str
    #: The codec that comes.
    codec: str
    #: Whether its sender has it off.
    muted: bool
    #: The RTP source.
    ssrc: int | None
    #: Bits of payload in the last second.
    bitrate: int
    #: RTP packets, repairs among them.
    packetsReceived: int
    #: Their payload.
    bytesReceived: int
    #: Packets that never came by themselves; below zero where duplicates came.
    packetsLost: int
    #: Packets that were too late to be of use.
    packetsDiscarded: int
    #: Repairs that came.
    retransmittedPacketsReceived: int
    #: Their payload.
    retransmittedBytesReceived: int
    #: Packets that were missing, asked for, and came in time.
    packetsRecovered: int
    #: Packets of sound that held what came before them once more (RED, RFC 2198).
    packetsRedundant: int
    #: Packets that were asked for again.
    nackCount: int
    #: Picture Loss Indications that were sent.
    pliCount: int
    #: Full Intra Requests that were sent: none, PLI is what every sender knows.
    firCount: int
    #: Interarrival jitter (RFC 3550).
    jitter: float
    #: How long a packet that was asked for takes, there and back.
    roundTripTime: float
    #: Whole frames that came.
    framesReceived: int
    #: Keyframes among them.
    keyFramesReceived: int
    #: Frames of the last second.
    framesPerSecond: int
    #: Frames that were given up: incomplete, or before a keyframe.
    framesDropped: int
    #: Frames that were not decoded, since decoding was late or a keyframe was waited for.
    framesSkipped: int
    #: Pictures, or packets of sound, that were decoded here.
    framesDecoded: int
    #: Frames that could not be decoded.
    decodeErrors: int
    #: Who decodes; absent while nobody does.
    decoderImplementation: str
    #: Seconds that decoding took.
    totalDecodeTime: float
    #: Width of the picture.
    frameWidth: int
    #: Height of the picture.
    frameHeight: int
    #: Whether everything is skipped until a keyframe comes.
    waitingForKeyframe: bool
    #: Pictures that stayed for ``max(3 * average, average + 150 ms)`` or longer.
    freezeCount: int
    #: How long these stayed.
    totalFreezesDuration: float
    #: Pictures that stayed for over five seconds.
    pauseCount: int
    #: How long these stayed.
    totalPausesDuration: float
    #: Time between pictures, all together.
    totalInterFrameDelay: float
    #: The sum of its squares: with the sum above, it tells how evenly pictures came.
    totalSquaredInterFrameDelay: float
    #: How long frames, or samples of sound, waited in the jitter buffer, all together.
    jitterBufferDelay: float
    #: How many frames, or samples of sound, left it.
    jitterBufferEmittedCount: int
    #: How long sound is kept at the moment; not W3C's, whose ``jitterBufferTargetDelay`` is a sum.
    targetDelay: float
    #: Samples of sound that were decoded or made up.
    totalSamplesReceived: int
    #: Samples of sound that were made up in place of lost ones.
    concealedSamples: int
    #: How often that was so.
    concealmentEvents: int


class CallStats(TypedDict):
    """How a call goes: sums since its beginning, rates over the last second."""

    #: Which call.
    session_id: str
    #: Who we are.
    uid: str
    #: How many take part, ourselves included.
    participants: int
    #: The connection to the server.
    connection: ConnectionStats
    #: What we send.
    publications: list[PublicationStats]
    #: What comes.
    tracks: list[TrackStats]

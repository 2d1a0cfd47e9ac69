"""WebRTC for client and server alike: SDP, transports, RTP and RTCP, payload formats, senders and receivers."""

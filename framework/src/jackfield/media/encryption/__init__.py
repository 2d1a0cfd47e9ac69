"""End-to-end encryption of frames and data, as LiveKit's SDKs do it: whoever has the key reads, the server does not.

The format is that of livekit/client-sdk-js (src/e2ee/worker, FrameCryptor and ParticipantKeyHandler) and of
webrtc-sdk/webrtc (api/crypto/frame_crypto_transformer), which all other SDKs have inside.
"""

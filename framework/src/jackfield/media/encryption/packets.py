"""Data packets sealed and opened (LiveKit's ``EncryptedPacket``): AES-128-GCM of the packet's value, its nonce beside
it. To whom it goes, and from whom it comes, stays in the clear."""

from __future__ import annotations

from cryptography.exceptions import InvalidTag
from google.protobuf.message import DecodeError
from livekit.protocol.models import DataPacket, EncryptedPacket, EncryptedPacketPayload, Encryption

from jackfield.media.encryption.frames import Sealed
from jackfield.media.encryption.keys import Key, KeyRing
from jackfield.media.encryption.nonces import NONCE_BYTES, Nonces

_VALUES = frozenset(field.name for field in EncryptedPacketPayload.DESCRIPTOR.fields)


class PacketSealer:
    """Seals the packets that we send. Used on the event loop."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring, self._nonces = ring, Nonces()

    def seal(self, packet: DataPacket) -> DataPacket:
        """The packet as it is sent; what has no encrypted form goes as it is."""
        kind = packet.WhichOneof("value")
        if kind not in _VALUES:
            return packet
        payload = EncryptedPacketPayload()
        getattr(payload, kind).CopyFrom(getattr(packet, kind))
        nonce = self._nonces.next()
        value = self._ring.key.cipher.encrypt(nonce, payload.SerializeToString(), None)
        sealed = DataPacket()
        sealed.CopyFrom(packet)
        sealed.encrypted_packet.CopyFrom(
            EncryptedPacket(
                encryption_type=Encryption.Type.GCM, iv=nonce, key_index=self._ring.current, encrypted_value=value
            )
        )
        return sealed


def opened(packet: DataPacket, ring: KeyRing, key: Key | None = None) -> DataPacket:
    """The packet as it was before it was sealed, with the key that it names or with ``key``; `Sealed` when it does not
    open, or holds nothing."""
    sealed = packet.encrypted_packet
    key = key or ring.get(sealed.key_index)
    if key is None:
        raise Sealed(f"it is encrypted with the key of index {sealed.key_index}, which is not known here")
    if len(sealed.iv) != NONCE_BYTES:
        raise Sealed("it is not encrypted as was announced")
    try:
        plain = key.cipher.decrypt(sealed.iv, sealed.encrypted_value, None)
        payload = EncryptedPacketPayload.FromString(plain)
    except InvalidTag:
        raise Sealed("it is encrypted with another key", sealed.key_index) from None
    except DecodeError:
        raise Sealed("what is encrypted is no packet") from None
    kind = payload.WhichOneof("value")
    found = DataPacket()
    found.CopyFrom(packet)
    found.ClearField("encrypted_packet")
    if kind is not None:
        getattr(found, kind).CopyFrom(getattr(payload, kind))
    return found

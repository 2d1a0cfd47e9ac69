"""What the SFU tells those beside it (`jackfield.server.happenings`) of its rooms and participants."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from livekit.protocol import models

from jackfield.server.happenings import Came, Over, Went
from jackfield.tokens import ROLE_ATTRIBUTE

if TYPE_CHECKING:
    from jackfield.server.sfu.participant import Participant
    from jackfield.server.sfu.room import Room

_Reason = models.DisconnectReason
_WENT = {
    _Reason.CLIENT_INITIATED: "left",
    _Reason.PARTICIPANT_REMOVED: "removed",
    _Reason.DUPLICATE_IDENTITY: "replaced",
    _Reason.ROOM_DELETED: "ended",
    _Reason.ROOM_CLOSED: "ended",
    _Reason.SERVER_SHUTDOWN: "server",
}
_OVER = {_Reason.ROOM_DELETED: "ended", _Reason.SERVER_SHUTDOWN: "server"}


def came(room: Room, participant: Participant) -> Came:
    """This participant has joined."""
    return Came(
        call_id=room.sid,
        session_id=room.name,
        pid=participant.sid,
        uid=participant.identity,
        name=participant.name,
        role=participant.attributes.get(ROLE_ATTRIBUTE) or ("moderator" if participant.grants.room_admin else ""),
        dependent=participant.grants.is_dependent,
        at=time.time(),
    )


def went(room: Room, participant: Participant) -> Went:
    """It has gone; what is no leave and no removal is a lost connection."""
    return Went(room.sid, participant.sid, _WENT.get(participant.reason, "lost"), time.time())


def over(room: Room, reason: models.DisconnectReason) -> Over:
    """The room is closed."""
    return Over(room.sid, _OVER.get(reason, "over"), time.time())

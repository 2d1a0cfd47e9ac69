"""Congestion control as browsers do it (draft-ietf-rmcat-gcc-02): from delay, from loss, and by probing.

`GoogleCongestionControl` is the sender's side, fed with transport-wide feedback; `ReceiverEstimate` the receiver's,
for senders that are steered by REMB. Neither reads a clock: each call is given its instant.
"""

from __future__ import annotations

from jackfield.rtc.congestion.receiver_side import ReceiverEstimate
from jackfield.rtc.congestion.sender_side import GoogleCongestionControl

__all__ = ["GoogleCongestionControl", "ReceiverEstimate"]

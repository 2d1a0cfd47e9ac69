"""Encoders in a process of their own, so that a driver which crashes takes that process along and not the call.

`encoder` is the encoder as a call sees it, `process` what runs on the other side, `child` the process as its owner sees
it, `memory` where pictures lie for both, `pictures` how they are taken out of it, `wire` what the two say to each
other.
"""

from jackfield.plugins.isolated.encoder import IsolatedEncoder

__all__ = ["IsolatedEncoder"]

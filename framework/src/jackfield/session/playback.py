"""The loudspeaker: everyone who can be heard, mixed."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.roles import PlaybackDriver, Player, Unwatch
from jackfield.session.reblock import Reblocker
from jackfield.session.remote_track import RemoteTrack
from jackfield.values.devices import Device
from jackfield.values.formats import AudioFormat
from jackfield.values.media import AudioBlock, VideoFrame

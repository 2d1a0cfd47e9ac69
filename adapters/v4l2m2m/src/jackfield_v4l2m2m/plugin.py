"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from jackfield.media.libav.hardware import CardOptions, CardPlugin
from jackfield_v4l2m2m.card import codecs

plugin = CardPlugin("v4l2m2m", CardOptions, codecs)

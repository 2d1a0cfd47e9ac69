"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from jackfield.media.libav.hardware import CardOptions, CardPlugin
from jackfield_videotoolbox.card import codecs

plugin = CardPlugin("videotoolbox", CardOptions, codecs)

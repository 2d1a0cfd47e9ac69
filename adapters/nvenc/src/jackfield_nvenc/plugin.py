"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from jackfield.media.libav.hardware import CardPlugin
from jackfield_nvenc.card import codecs
from jackfield_nvenc.options import Options

plugin = CardPlugin("nvenc", Options, codecs)

"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from jackfield.media.libav.hardware import CardPlugin
from jackfield_vaapi.card import codecs
from jackfield_vaapi.options import Options

plugin = CardPlugin("vaapi", Options, codecs)

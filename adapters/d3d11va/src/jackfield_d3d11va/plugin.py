"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from jackfield.media.libav.hardware import CardPlugin
from jackfield_d3d11va.card import codecs
from jackfield_d3d11va.options import Options

plugin = CardPlugin("d3d11va", Options, codecs)

"""What this plugin answers. Importing it imports no native library."""

from __future__ import annotations

from jackfield.media.libav.hardware import CardPlugin
from jackfield_qsv.card import codecs
from jackfield_qsv.options import Options

plugin = CardPlugin("qsv", Options, codecs)

"""FFmpeg's codecs, through PyAV, as encoders and decoders of a call: what software and hardware have in common.

Importing it loads no native library. `hardware` has the factories of hardware backends, each of which states what it
needs; `tuning` is what an encoder differs in, `encoder` and `decoder` run it, `trial` finds out whether it works.
"""

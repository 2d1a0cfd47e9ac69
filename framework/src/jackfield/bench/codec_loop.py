"""The bare codec loop: the same pictures, encoded and decoded with nothing between. The floor for latency and CPU.

Run as ``python -m jackfield.bench.codec_loop``; prints one JSON object as `aiortc_peer` does.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from jackfield.bench.frames import Pictures, number_of
from jackfield.plugins.config import load_config
from jackfield.plugins.registry import load
from jackfield.values.formats import VideoEncoding
from jackfield.values.media import VideoFrame


def measure(encoding: VideoEncoding, seconds: float, warm_s: float) -> dict[str, Any]:
    """One paced loop: encode plus decode time of each picture after ``warm_s``, and the CPU taken meanwhile."""
    plugins = load(load_config())
    encoder, _ = plugins.encoder(encoding.codec, encoding)
    decoder, _ = plugins.decoder(encoding.codec)
    pictures = Pictures(encoding.width, encoding.height)
    latencies: list[float] = []
    cpu_s, wall_from, start = 0.0, 0.0, time.monotonic()
    for number in range(int((warm_s + seconds) * encoding.fps)):
        due = start + number / encoding.fps
        time.sleep(max(0.0, due - time.monotonic()))
        if not wall_from and due >= start + warm_s:
            wall_from, cpu_s = time.monotonic(), time.process_time()
        picture = VideoFrame(pictures.picture(number))
        for encoded in encoder.encode(picture):
            for decoded in decoder.decode(encoded):
                if isinstance(decoded, VideoFrame) and wall_from and number_of(decoded.picture) == number:
                    latencies.append((time.monotonic_ns() - picture.time_ns) / 1e6)
    result = {
        "latencies_ms": latencies,
        "cpu_s": time.process_time() - cpu_s,
        "wall_s": time.monotonic() - wall_from,
        "frames": len(latencies),
    }
    encoder.close()
    decoder.close()
    return result


def main() -> None:
    """Reads the options and prints the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--codec", default="VP8")
    for name, default in (("width", 1280), ("height", 720), ("fps", 30), ("seconds", 5), ("warm", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bitrate", type=int, default=1_700_000)
    options = parser.parse_args()
    encoding = VideoEncoding(options.codec, options.width, options.height, options.fps, options.bitrate)
    print(json.dumps(measure(encoding, options.seconds, options.warm)))


if __name__ == "__main__":
    main()

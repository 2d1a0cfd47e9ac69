"""WebRTC's audio processing module on one microphone: high-pass, echo, noise, gain, in this order."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jackfield.values.errors import PluginError
from jackfield.values.media import AudioBlock
from jackfield_processing.options import Options

RATE = 48_000
_LEVELS = ("low", "moderate", "high", "very-high")
_SILENCE: NDArray[np.int16] = np.zeros(RATE // 100, np.int16)


class WebrtcProcessor:
    """Runs the parts that it was made for. Echo is looked for up to half a second behind the far end."""

    def __init__(self, what: Collection[str], options: Options) -> None:
        self._echo = "echo_cancellation" in what
        self._delay_ms = 0
        try:
            from pywebrtc_audio import AudioProcessor

            self._module: Any = AudioProcessor(
                sample_rate=RATE,
                num_channels=1,
                echo_cancellation=self._echo,
                noise_suppression="noise_suppression" in what,
                high_pass_filter="noise_suppression" in what,
                auto_gain_control="auto_gain_control" in what,
                ns_level=_LEVELS.index(options.noise_suppression),
                agc_gain_db=options.fixed_gain_db,
                agc_max_gain_db=options.max_gain_db,
            )
        except (ImportError, OSError, RuntimeError, TypeError, ValueError) as exc:
            raise PluginError(f"WebRTC's audio processing module cannot be had: {exc}") from exc

    def process(self, near: AudioBlock, far: AudioBlock | None, delay_ms: int) -> AudioBlock:
        """10 ms without what it takes out; 9 to 15 ms late, which is how far the module looks ahead."""
        module = self._module
        try:
            if not self._echo:
                made = module.process(near.samples.ravel())
            else:
                if delay_ms != self._delay_ms:
                    module.stream_delay_ms = self._delay_ms = delay_ms
                made = module.process(near.samples.ravel(), _SILENCE if far is None else far.samples.ravel())
        except (RuntimeError, TypeError, ValueError) as exc:
            raise PluginError(f"WebRTC's audio processing module does not take this block: {exc}") from exc
        return AudioBlock(made[:, None], near.rate, near.time_ns)

    def speech(self) -> float:
        """How likely the latest block holds speech, by the module's own detector."""
        return float(self._module.speech_probability)

    def close(self) -> None:
        """The module is given back."""
        self._module = None

"""The factory: it describes and probes, and loads the model's library only when something is opened."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from attrs import define

from jackfield.roles import BACKGROUND, VideoProcessor
from jackfield.values.devices import Device
from jackfield.values.errors import PluginError
from jackfield.values.findings import Finding
from jackfield.values.settings import SessionSettings
from jackfield.web_client import segmentation_model

LIBRARY = "ai-edge-litert"


@define(eq=False)
class BackgroundFactory:
    """Opens what changes backgrounds, for whatever gives pictures."""

    kind: Literal["audio", "video"] = "video"
    name: str = "selfie"
    rank: int = 50
    does: tuple[str, ...] = (BACKGROUND,)

    def unsuited(self, what: str, device: Device | None, settings: SessionSettings) -> str | None:
        """Any camera will do, and what a program publishes as its camera."""
        return None

    def probe(self) -> str | None:
        """Whether the model is there, and the library that runs it can be loaded."""
        try:
            segmentation_model()
        except PluginError as exc:
            return exc.message
        try:
            import ai_edge_litert.interpreter  # noqa: F401
        except ModuleNotFoundError:
            return f"{LIBRARY} is not installed: pip install {LIBRARY}"
        except Exception as exc:
            return f"{LIBRARY} cannot be loaded: {exc}"
        return None

    def diagnose(self) -> Sequence[Finding]:
        """What keeps backgrounds from being changed: the model, or the library that runs it."""
        try:
            model = segmentation_model()
        except PluginError as exc:
            found, _, fix = exc.message.partition("; ")
            return (Finding("warning", "selfie.tflite", f"no background can be changed: {found}", fix),)
        reason = self.probe()
        if reason is not None:
            fix = f"pip install {LIBRARY}, which has wheels for Linux with glibc, macOS on ARM and Windows"
            return (Finding("warning", LIBRARY, f"no background can be changed with {model.name}: {reason}", fix),)
        return ()

    def open(self, what: Collection[str], device: Device | None, settings: SessionSettings) -> VideoProcessor:
        """The model, loaded; it has yet to be told what it shows."""
        from jackfield_background.processor import BackgroundProcessor
        from jackfield_background.segment import Segmenter

        return BackgroundProcessor(Segmenter(segmentation_model()))

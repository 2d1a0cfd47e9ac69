"""Where the built web client is: the pages and modules that servers and renderers hand to browsers, and a model."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jackfield.values.errors import PluginError

STATIC: Final = Path(__file__).parent / "server" / "service" / "static"


def folder() -> Path:
    """The folder with ``index.html``, ``screen.html``, ``jackfield.js`` and ``assets``.

    `PluginError` where it was never built.
    """
    if not (STATIC / "screen.html").is_file():
        raise PluginError("the web client has not been built; in the checkout run `make setup`")
    return STATIC


def segmentation_model() -> Path:
    """The model that tells a person from what is behind them, beside the page, which uses it too.

    TensorFlow Lite, MediaPipe's selfie segmentation for landscape pictures: float32 RGB of 0 to 1, shape
    (1, 144, 256, 3), becomes how sure it is of a person, 0 to 1, shape (1, 144, 256, 1). `PluginError` where the web
    client was never built, or by an older checkout.
    """
    built = sorted((STATIC / "assets").glob("background-*/landscape.tflite"))  # one for each version of what is in it
    if not built:
        fix = "it is built with the web client; in the checkout run `make setup`"
        raise PluginError(f"no background-*/landscape.tflite is in {STATIC / 'assets'}: {fix}")
    return built[-1]

"""The icons, as line drawings on a 24 × 24 grid."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

_SHAPES = {
    "mic": ["M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3Z", "M5.5 11a6.5 6.5 0 0 0 13 0", "M12 17.5V21"],
    "mic-off": [
        "M9 9.5V11a3 3 0 0 0 4.5 2.6",
        "M15 11V6a3 3 0 0 0-5.7-1.3",
        "M5.5 11a6.5 6.5 0 0 0 10.3 5.3M18.5 11c0 1-.2 1.9-.6 2.7",
        "M12 17.5V21",
        "M4 3.5l16 17",
    ],
    "camera": ["M5 6.5h8a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2Z", "M15 10.7l6-3.2v9l-6-3.2"],
    "camera-off": [
        "M10 6.5h3a2 2 0 0 1 2 2v3M15 13.3l6 3.2v-9l-6 3.2",
        "M14.8 16.3a2 2 0 0 1-1.8 1.2H5a2 2 0 0 1-2-2v-7a2 2 0 0 1 1.7-2",
        "M4 3.5l16 17",
    ],
    "flip": ["M4 12a8 8 0 0 1 13.7-5.6L20 8.5", "M20 4v4.5h-4.5", "M20 12a8 8 0 0 1-13.7 5.6L4 15.5", "M4 20v-4.5h4.5"],
    "speaker": ["M4 9.5v5h3.5L12 18.5v-13L7.5 9.5H4Z", "M15.5 9a4 4 0 0 1 0 6", "M18 6.5a8 8 0 0 1 0 11"],
    "leave": [
        "M3.2 14.2c-.6-4.9 4.3-6.7 8.8-6.7s9.4 1.8 8.8 6.7c-.1.7-.7 1.1-1.4 1l-3-.6a1.3 1.3 0 0 1-1-1.3v-1.6"
        "a11 11 0 0 0-6.8 0v1.6c0 .6-.4 1.2-1 1.3l-3 .6c-.7.1-1.3-.3-1.4-1Z"
    ],
    "link": [
        "M10 13.5a4 4 0 0 0 5.7.3l3-3a4 4 0 0 0-5.7-5.7l-1.2 1.2",
        "M14 10.5a4 4 0 0 0-5.7-.3l-3 3a4 4 0 0 0 5.7 5.7l1.2-1.2",
    ],
    "people": [
        "M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z",
        "M2.5 19.5a6.5 6.5 0 0 1 13 0",
        "M15.5 5a3.5 3.5 0 0 1 0 6.3",
        "M18 14.2a6.5 6.5 0 0 1 3.5 5.3",
    ],
    "network": ["M5 19v-3", "M10 19v-6", "M15 19V9", "M20 19V5"],
    "close": ["M6 6l12 12", "M18 6 6 18"],
    "check": ["M5 12.5l4.5 4.5L19 7.5"],
    "hand": [
        "M7 12.5V6.2a1.5 1.5 0 0 1 3 0V11",
        "M10 10.5V4.5a1.5 1.5 0 0 1 3 0v6",
        "M13 10.5V5.7a1.5 1.5 0 0 1 3 0V12",
        "M16 9.7a1.5 1.5 0 0 1 3 0V14a7 7 0 0 1-13 3.7L3.6 13.9a1.5 1.5 0 0 1 2.6-1.5L7 13.8",
    ],
    "chat": [
        "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-8l-4.5 3.5V17H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2Z",
        "M8 9.5h8M8 12.8h5",
    ],
    "screen": [
        "M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Z",
        "M8.5 20.5h7",
        "M12 14V8.5",
        "M9.5 10.8 12 8.3l2.5 2.5",
    ],
    "layout": [
        "M5.5 4.5h13A1.5 1.5 0 0 1 20 6v12a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 18V6a1.5 1.5 0 0 1 1.5-1.5Z",
        "M14.5 4.5v15",
        "M14.5 12H20",
    ],
    "settings": [
        "M4 7h8.8M17.2 7H20",
        "M15 4.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4Z",
        "M4 17h2.8M11.2 17H20",
        "M9 14.8a2.2 2.2 0 1 1 0 4.4 2.2 2.2 0 0 1 0-4.4Z",
    ],
    "pin": ["M9 4h6l-.7 6 3.2 3.2H6.5L9.7 10 9 4Z", "M12 13.2v7.3"],
    "record": ["M12 5a7 7 0 1 1 0 14 7 7 0 0 1 0-14Z", "M12 9.5a2.5 2.5 0 1 1 0 5 2.5 2.5 0 0 1 0-5Z"],
    "captions": [
        "M4 5.5h16a1 1 0 0 1 1 1v11a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1v-11a1 1 0 0 1 1-1Z",
        "M10.5 10.6a2 2 0 1 0 0 2.8",
        "M17 10.6a2 2 0 1 0 0 2.8",
    ],
    "blur": ["M12 4.5a3.3 3.3 0 1 1 0 6.6 3.3 3.3 0 0 1 0-6.6Z", "M5.5 19.5a6.5 6.5 0 0 1 13 0",
             "M3.5 4v.1M3.5 9v.1M3.5 14v.1M20.5 4v.1M20.5 9v.1M20.5 14v.1"],
    "more": ["M5.5 12v.1", "M12 12v.1", "M18.5 12v.1"],
    "send": ["M4 12 20 4.5 15.2 20l-3.6-6.6L4 12Z", "M11.6 13.4 20 4.5"],
    "left": ["M14.5 6l-6 6 6 6"],
    "right": ["M9.5 6l6 6-6 6"],
    "remove": ["M10 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7Z", "M3.5 19.5a6.5 6.5 0 0 1 13 0", "M16.5 10h5"],
}  # fmt: skip


@lru_cache(maxsize=512)
def pixmap(name: str, colour: str, size: int, ratio: float = 1.0) -> QPixmap:
    """The drawing in this colour, ``size`` pixels wide on a screen of this ratio."""
    paths = "".join(f'<path d="{shape}"/>' for shape in _SHAPES[name])
    width = 2.6 if name == "more" else 1.7
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="{colour}" '
        f'stroke-width="{width}" stroke-linecap="round" stroke-linejoin="round">{paths}</svg>'
    )
    picture = QPixmap(round(size * ratio), round(size * ratio))
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(picture.rect()))
    painter.end()
    picture.setDevicePixelRatio(ratio)
    return picture


def icon(name: str, colour: str, size: int = 22) -> QIcon:
    """For buttons and menus, sharp on screens of twice the points."""
    return QIcon(pixmap(name, colour, size, 2.0))

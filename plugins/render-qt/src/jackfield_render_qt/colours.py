"""Colours, light and dark, and the style sheet made of them. Text has a contrast of 4.5 or more to its ground."""

from __future__ import annotations

from attrs import frozen
from PySide6.QtGui import QColor, QPalette


@frozen
class Colours:
    """One set."""

    is_dark: bool
    ground: str
    card: str
    raised: str
    text: str
    quiet: str
    line: str
    edge: str
    hover: str
    accent: str
    on_accent: str
    danger: str
    danger_hover: str
    danger_text: str
    tile: str


LIGHT = Colours(
    is_dark=False,
    ground="#f1f4f2",
    card="#ffffff",
    raised="#ffffff",
    text="#17211e",
    quiet="#51605b",
    line="#cdd6d2",
    edge="#7d8a85",
    hover="#e6ebe8",
    accent="#14614f",
    on_accent="#ffffff",
    danger="#b8272f",
    danger_hover="#9b1c24",
    danger_text="#a31d25",
    tile="#dbe3df",
)
DARK = Colours(
    is_dark=True,
    ground="#0f1513",
    card="#18201d",
    raised="#222c28",
    text="#eaf1ee",
    quiet="#a3b3ad",
    line="#303b37",
    edge="#71827b",
    hover="#2c3833",
    accent="#63d3b3",
    on_accent="#06251c",
    danger="#c9323b",
    danger_hover="#de4750",
    danger_text="#ff9c9c",
    tile="#1f2925",
)
#: Behind initials, one for each person; white on them is read well.
PEOPLE = ("#2f6f8f", "#7a5195", "#9c4f2e", "#3c7a4f", "#8a4766", "#4a63a8", "#7b6a22", "#2f7a78")


def colours_for(wish: str, palette: QPalette) -> Colours:
    """Those that were wished for; for ``auto``, those of the palette."""
    if wish != "auto":
        return DARK if wish == "dark" else LIGHT
    return DARK if palette.color(QPalette.ColorRole.Window).lightness() < 128 else LIGHT


def of_person(uid: str) -> QColor:
    """The same for one person everywhere."""
    return QColor(PEOPLE[sum(uid.encode()) % len(PEOPLE)])


def style_sheet(c: Colours) -> str:
    """All that is not painted by hand."""
    return _buttons(c) + _panels(c)


def _buttons(c: Colours) -> str:
    return f"""
    #jackfield, #stage {{ background: {c.ground}; }}
    QWidget {{ color: {c.text}; }}
    #header {{ background: transparent; }}
    #title {{ font-weight: 700; font-size: 15px; }}
    QLabel[quiet="true"] {{ color: {c.quiet}; }}
    #recording {{ color: {c.danger_text}; font-weight: 700; }}
    QToolButton {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 22px; padding: 0; }}
    QToolButton:hover {{ background: {c.hover}; }}
    QToolButton:focus {{ border: 2px solid {c.accent}; }}
    QToolButton[state="on"] {{ background: {c.accent}; border-color: {c.accent}; color: {c.on_accent}; }}
    QToolButton[state="on"]:focus {{ border: 3px solid {c.text}; }}
    QToolButton[state="off"] {{ background: {c.danger}; border-color: {c.danger}; color: #ffffff; }}
    QToolButton[state="off"]:hover, QToolButton[kind="leave"]:hover {{ background: {c.danger_hover}; }}
    QToolButton[state="off"]:focus, QToolButton[kind="leave"]:focus {{ border: 3px solid {c.text}; }}
    QToolButton[kind="leave"] {{ background: {c.danger}; border-color: {c.danger}; }}
    QToolButton[kind="flat"] {{ background: transparent; border: 1px solid transparent; border-radius: 8px; }}
    QToolButton[kind="flat"]:hover {{ background: {c.hover}; }}
    QToolButton[kind="flat"]:focus {{ border: 2px solid {c.accent}; }}
    QToolButton::menu-indicator {{ image: none; }}
    """


def _panels(c: Colours) -> str:
    return f"""
    #badge {{ background: {c.danger}; color: #ffffff; border-radius: 9px; font-size: 11px; font-weight: 700; }}
    #side, #card, QDialog {{ background: {c.card}; }}
    #side, #card {{ border: 1px solid {c.line}; border-radius: 14px; }}
    #side QListWidget, #side QScrollArea, #side QScrollArea > QWidget > QWidget, #chatlog
        {{ background: transparent; border: none; }}
    QLineEdit, QPlainTextEdit, QComboBox {{ background: {c.ground}; border: 1px solid {c.edge}; border-radius: 8px;
        padding: 6px 10px; selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
    QLineEdit:focus, QPlainTextEdit:focus, QComboBox:focus {{ border: 2px solid {c.accent}; }}
    QComboBox QAbstractItemView, QMenu {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.line}; }}
    QMenu::item {{ padding: 7px 22px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QMenu::item:disabled {{ color: {c.quiet}; }}
    QPushButton {{ background: {c.raised}; border: 1px solid {c.edge}; border-radius: 10px; padding: 8px 18px; }}
    QPushButton:hover {{ background: {c.hover}; }}
    QPushButton:focus {{ border: 2px solid {c.accent}; }}
    QPushButton:default {{ background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; }}
    QPushButton:default:focus {{ border: 2px solid {c.text}; }}
    #bubble {{ background: {c.hover}; border-radius: 10px; padding: 7px 10px; }}
    #bubble[own="true"] {{ background: {c.accent}; color: {c.on_accent}; }}
    #toast {{ background: {c.text}; color: {c.ground}; border-radius: 12px; padding: 8px 16px; }}
    #captions {{ background: rgba(8, 12, 11, 210); color: #ffffff; border-radius: 10px; padding: 8px 14px;
        font-size: 15px; }}
    #veil {{ background: rgba({"10, 15, 13" if c.is_dark else "233, 239, 236"}, 215); }}
    #veil QLabel {{ font-size: 17px; font-weight: 600; }}
    QScrollBar:vertical {{ background: transparent; width: 10px; margin: 0; }}
    QScrollBar::handle:vertical {{ background: {c.edge}; border-radius: 4px; min-height: 28px; margin: 1px; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page
        {{ background: transparent; height: 0; }}
    """

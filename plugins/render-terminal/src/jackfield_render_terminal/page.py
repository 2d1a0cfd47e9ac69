"""What a call looks like in a terminal: a line at the top, tiles, the last words, and a line of keys at the bottom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from jackfield.roles import RenderedCall
from jackfield.values.names import shown_name
from jackfield_render_terminal.cells import Screen
from jackfield_render_terminal.keys import TITLES, keys_of
from jackfield_render_terminal.picture import Picture
from jackfield_render_terminal.places import Box, grid, inside, with_main

INK, DIM, GREEN, RED, AMBER, BAR, EMPTY = 0xE6E6E6, 0x8A8A8A, 0x3DDC84, 0xFF6B6B, 0xFFC857, 0x202830, 0x303A46
#: So many of the last messages are shown while the chat is open.
LINES = 6

PictureOf = Callable[[Any, bool], Picture | None]


def draw(screen: Screen, call: RenderedCall, picture_of: PictureOf, *, typing: str | None, said: str) -> None:
    """The whole screen. ``typing`` is what is being written, None where the chat is closed; ``said`` is told at the
    bottom in place of the keys. ``picture_of`` finds somebody's camera or (True) screen."""
    screen.clear()
    above = int(not call.settings.hide_header_panel)
    if above:
        _head(screen, call)
    below = 1 + (LINES + 1 if typing is not None else bool(call.captions))
    area = Box(above, 0, screen.rows - above - below, screen.columns)
    for box, (person, is_screen) in zip(*_laid_out(call, area), strict=False):
        _tile(screen, box, call, person, picture_of(person, is_screen), is_screen=is_screen)
    if typing is not None:
        _chat(screen, call, area.row + area.rows, typing)
    elif call.captions:
        line = call.captions[-1]
        who = f" {_name(line.participant)}: "
        newest = line.text[-max(1, screen.columns - len(who)) :]
        screen.text(area.row + area.rows, 0, f"{who}{newest}", screen.columns, colour=INK)
    left = call.idle_seconds_left
    if left is not None:
        said = f"Are you still there? Press any key: this call ends in {left:.0f} s."
    screen.text(screen.rows - 1, 0, f" {said or _keys(call)}", screen.columns, colour=INK if said else DIM, ground=BAR)


def _keys(call: RenderedCall) -> str:
    if call.settings.hide_control_panel:
        return ""
    unread = f" ({call.chat_unread_count})" if call.chat_unread_count else ""
    told = [f"{key} {TITLES[key]}{unread if key == 'c' else ''}" for key in keys_of(call.settings)]
    return "  ".join(told)


def _head(screen: Screen, call: RenderedCall) -> None:
    seconds = int(time.time() - call.joined_at)
    parts = [call.settings.title or call.session_id]
    parts += [] if call.settings.hide_session_timer else [f"{seconds // 60}:{seconds % 60:02}"]
    parts.append(f"{len(call.participants) + 1} here")
    marks = [
        (call.connection_state == "reconnecting", "reconnecting…", AMBER),
        (call.is_recording, "● recording", RED),
        (call.is_screen_sharing, "sharing the screen", GREEN),
    ]
    screen.text(0, 0, " " + "  ".join(parts), screen.columns, colour=INK, ground=BAR)
    column = screen.columns
    for is_on, text, colour in marks:
        if is_on:
            column -= len(text) + 2
            screen.text(0, max(0, column), text, len(text), colour=colour, ground=BAR)


def _laid_out(call: RenderedCall, area: Box) -> tuple[list[Box], list[tuple[Any, bool]]]:
    """Boxes, and who is in each: a person, and whether it is their screen."""
    everybody = [(person, False) for person in (*call.participants.values(), call.local)]
    main, presenter = call.main_participant, call.presenter
    if call.shown_layout == "TILE" or main is None:
        return grid(area, len(everybody)), everybody
    first = (presenter, True) if presenter is not None else (main, False)
    others = [each for each in everybody if each != first]
    return with_main(area, len(others), beside=call.shown_layout == "SIDEBAR"), [first, *others]


def _tile(
    screen: Screen, box: Box, call: RenderedCall, person: Any, picture: Picture | None, *, is_screen: bool
) -> None:
    within = Box(box.row, box.column, box.rows - 1, box.columns - 1)
    size = picture.size if picture is not None and (is_screen or not person.video_paused) else None
    place = inside(within, *(size or (16, 9)))
    pixels = picture.pixels(place.columns, 2 * place.rows) if picture is not None and size is not None else None
    if pixels is not None:
        screen.picture(place.row, place.column, pixels)
    else:
        _nobody(screen, place, _name(person))
    label, colour = _label(call, person, is_screen=is_screen), GREEN if person.is_speaking else INK
    screen.text(place.row + place.rows, place.column, label, within.columns, colour=colour)


def _nobody(screen: Screen, place: Box, name: str) -> None:
    """Initials, where there is no picture."""
    for row in range(place.rows):
        screen.text(place.row + row, place.column, "", place.columns, ground=EMPTY)
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    middle = place.column + max(0, (place.columns - len(initials)) // 2)
    screen.text(place.row + place.rows // 2, middle, initials, len(initials), colour=INK, ground=EMPTY)


def _label(call: RenderedCall, person: Any, *, is_screen: bool) -> str:
    if is_screen:
        return f"{_name(person)} shares a screen"
    marks = [
        (person.raised_hand_at is not None, "✋"),
        (person.is_pinned, "pinned"),
        (person.audio_muted, "muted"),
        (person.network_quality in ("poor", "lost") and not call.settings.hide_network_indicator, "poor network"),
    ]
    name = f"{_name(person)} (you)" if person.is_local else _name(person)
    return "  ".join([("▸ " if person.is_speaking else "") + name, *(mark for is_on, mark in marks if is_on)])


def _chat(screen: Screen, call: RenderedCall, row: int, typing: str) -> None:
    lines: Sequence[Any] = call.chat[-LINES:]
    for index in range(LINES):
        text = f" {_name(lines[index].participant)}: {lines[index].text[:500]}" if index < len(lines) else ""
        screen.text(row + index, 0, text.replace("\n", " "), screen.columns, colour=INK)
    shown = typing[-(screen.columns - 4) :]
    screen.text(row + LINES, 0, f" > {shown}▏", screen.columns, colour=INK, ground=BAR)


def _name(person: Any) -> str:
    return shown_name(person.name, person.uid) if person is not None else "somebody"

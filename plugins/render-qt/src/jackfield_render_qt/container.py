"""Where a widget may be placed."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QCoreApplication
from PySide6.QtWidgets import QApplication, QLayout, QVBoxLayout, QWidget

from jackfield.values.errors import ContainerError, PluginError

_TAKEN = "it takes a QWidget, a QLayout, or nothing: then `session.view` is the widget to place"


def check(container: Any) -> None:
    """`ContainerError` for what no widget can be placed in."""
    if container is None or isinstance(container, QWidget | QLayout):
        return
    given = f"{type(container).__module__}.{type(container).__qualname__}"
    raise ContainerError(f"render-qt cannot draw into {container!r:.80} ({given}); {_TAKEN}")


def application() -> QApplication:
    """The program's own application, or one of ours where it has none."""
    found = QCoreApplication.instance()
    if found is None:
        return QApplication(["jackfield"])
    if not isinstance(found, QApplication):
        kind = type(found).__name__
        raise PluginError(f"this program made a {kind}, which draws no widgets; make a QApplication instead")
    return found


def place(widget: QWidget, container: Any) -> None:
    """In a layout: at its end. In a widget: in its layout, or filling it."""
    if isinstance(container, QWidget):
        layout = container.layout()
        if layout is None:
            layout = QVBoxLayout(container)
            layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(widget)
    elif container is not None:
        container.addWidget(widget)
    if container is not None:
        widget.show()

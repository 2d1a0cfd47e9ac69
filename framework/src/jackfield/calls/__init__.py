"""Log-ins, call tokens and joining: what a program does before it is in a call."""

from jackfield.calls.calls import Calls
from jackfield.calls.default import init

__all__ = ["Calls", "init"]

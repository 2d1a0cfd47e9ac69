"""Entry points → what loaded and what failed; names → factories, rank and probe result; options and configuration."""

from jackfield.plugins.config import Config, PluginOptions, ServerOptions, load_config
from jackfield.plugins.loader import PluginRow
from jackfield.plugins.prober import Prober
from jackfield.plugins.processors import OpenProcessor, close_processors, open_processors
from jackfield.plugins.registry import Plugins, load
from jackfield.plugins.selection import Choice, PassedOver
from jackfield.plugins.transcribers import Engine, engine

__all__ = [
    "Choice",
    "Config",
    "Engine",
    "OpenProcessor",
    "PassedOver",
    "PluginOptions",
    "PluginRow",
    "Plugins",
    "Prober",
    "ServerOptions",
    "close_processors",
    "engine",
    "load",
    "load_config",
    "open_processors",
]

"""Leaving a call, one step after the other, whatever becomes of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger("jackfield.call")

#: What one step of leaving may take.
END_TIMEOUT_S = 6.0


async def within(step: Coroutine[Any, Any, Any]) -> None:
    """One step of leaving, which neither hangs nor stops the next."""
    try:
        async with asyncio.timeout(END_TIMEOUT_S):
            await step
    except TimeoutError:
        logger.warning("a step of leaving took longer than %g s, and is left to itself", END_TIMEOUT_S)
    except Exception:
        logger.warning("a step of leaving failed", exc_info=True)

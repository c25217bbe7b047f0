"""How much memory a process holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path


def memory(process_id: int | str = "self", *, kind: str = "VmHWM") -> int:
    """Return the most that a process has ever held (``VmHWM``), or what it holds now (``VmRSS``), in bytes."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return int(re.search(rf"{kind}:\s+(\d+) kB", status)[1]) * 1024


def growth(action: Callable[[], object]) -> int:
    """Do something, and return by how much this process held more in the meantime, in bytes."""
    # From here on, the most is counted anew.
    Path("/proc/self/clear_refs").write_text("5")
    before = memory(kind="VmRSS")
    action()
    return memory() - before

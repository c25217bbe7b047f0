from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "run.py"


@pytest.mark.skipif(not shutil.which("curl"), reason="the benchmark compares with curl, which is not installed")
def test_an_upload_holds_next_to_nothing_in_memory():
    """A fifth of the full size: a file of 200 MB."""
    command = [sys.executable, BENCHMARKS, "--records", "1000000", "--rounds", "1", "upload"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(re.search(r"memory over idle \| (\d+) MB", done.stdout)[1]) <= 16

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "upload.py"


@pytest.mark.skipif(not shutil.which("curl"), reason="the benchmark compares with curl, which is not installed")
def test_an_upload_holds_next_to_nothing_in_memory():
    environment = os.environ | {"BENCH_UPLOAD_BYTES": "200000000"}
    done = subprocess.run([sys.executable, BENCHMARK], env=environment, capture_output=True, text=True, check=True)
    assert float(re.search(r"memory over idle: ([\d.]+) MB", done.stdout)[1]) <= 32

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "run.py"

needs_curl = pytest.mark.skipif(not shutil.which("curl"), reason="the benchmark compares with curl, not installed here")


def run(*arguments):
    return subprocess.run([sys.executable, BENCHMARKS, "--rounds", "1", *arguments], capture_output=True, text=True)


@pytest.mark.parametrize("name", ["validate", "clean", "xlsx"])
def test_a_benchmark_still_runs(name):
    done = run("--records", "2000", name)
    assert done.returncode == 0, done.stderr
    assert "memory over idle" in done.stdout


def test_lists_that_are_slow_to_check_are_measured():
    done = run("--records", "2000", "worst_cases")
    assert done.returncode == 0, done.stderr
    assert "| fields of 60 KB |" in done.stdout


@needs_curl
def test_an_upload_holds_next_to_nothing_in_memory():
    """A fifth of the full size: a file of 200 MB."""
    done = run("--records", "1000000", "upload")
    assert done.returncode == 0, done.stderr
    assert int(re.search(r"memory over idle \| (\d+) MB", done.stdout)[1]) <= 16

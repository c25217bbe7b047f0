"""What users install: the distributions, and an environment that holds the wheel and what it asks for, nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import airflow
import pytest

ROOT = Path(__file__).parents[2]
AIRFLOW = tuple(map(int, airflow.__version__.split(".")[:2]))
CONSTRAINTS = ROOT / "constraints" / f"airflow-{AIRFLOW[0]}.{AIRFLOW[1]}.txt"


@pytest.fixture(scope="session")
def distributions(tmp_path_factory) -> Path:
    """The folder of the source distribution, and of the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="session")
def wheel(distributions) -> Path:
    (path,) = distributions.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(distributions) -> Path:
    (path,) = distributions.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def python(wheel, tmp_path_factory) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python in a clean environment with the wheel alone, beside the Airflow that the tests have."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder / "venv", with_pip=True)
    executable = str(folder / "venv" / "bin" / "python")
    install = [executable, "-m", "pip", "install", "--quiet", "--constraint", str(CONSTRAINTS), str(wheel)]
    subprocess.run(install, check=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW__", "PYTHON"))}
    environment |= {"AIRFLOW_HOME": str(folder / "airflow"), "PYTHONWARNINGS": "ignore", "COLUMNS": "200"}

    def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [executable, *arguments], capture_output=True, text=True, cwd=folder, env=environment, check=False
        )
        assert not check or not done.returncode, done.stdout + done.stderr
        return done

    run("-m", "airflow", "db", "migrate")
    return run

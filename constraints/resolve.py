"""
Update the constraints of one Airflow version: ``resolve.py 3.1`` writes ``airflow-3.1.txt``.

Pins the newest patch release of that Airflow, and the newest compatible versions of all other packages, resolved by pip
for the running Python. Run it with the oldest supported Python, whose versions work on later ones as well.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
OWN_NAME = "airflow-provider-iqm"


def main() -> None:
    airflow = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        pip, report = [f"{folder}/bin/python", "-m", "pip", "--quiet"], Path(folder) / "report.json"
        subprocess.run([*pip, "install", "--upgrade", "pip>=25.1"], check=True)
        wanted = [f"apache-airflow=={airflow}.*", "--editable", ".[sandbox,pandas]", "--group", "dev"]
        subprocess.run([*pip, "install", "--dry-run", "--report", str(report), *wanted], check=True, cwd=ROOT)
        packages = [package["metadata"] for package in json.loads(report.read_text())["install"]]
    pins = {package["name"]: package["version"] for package in packages if package["name"] != OWN_NAME}
    path = ROOT / "constraints" / f"airflow-{airflow}.txt"
    path.write_text("".join(f"{name}=={pins[name]}\n" for name in sorted(pins, key=_normalised)))
    print(f"{path.relative_to(ROOT)}: {len(pins)} packages")


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).casefold()


if __name__ == "__main__":
    main()

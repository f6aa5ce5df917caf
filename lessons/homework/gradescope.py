"""An autograder for Gradescope: the zip that it wants, and what runs there for each submission.

    python gradescope.py /autograder     # run_autograder does it, in Gradescope's container

Gradescope unpacks the zip into /autograder/source, runs its setup.sh once, and then for each submission run_autograder,
which grades /autograder/submission and writes /autograder/results/results.json. Its containers have no bubblewrap: a
submission runs beside the answers there, with the rights of the grader. README.md says what that means.
"""

import json
import os
import secrets
import sys
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SETUP = """#!/usr/bin/env bash
# Gradescope runs this once, as root, on Ubuntu: Python 3.11 or later, and the course with its grading.
set -euo pipefail
cd "${AUTOGRADER_ROOT:-/autograder}"
apt-get update
for python in python3.13 python3.12 python3.11; do
  apt-get install -y --no-install-recommends "$python" "$python-venv" && break
done
"$python" -m venv venv
venv/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu "./source[grading]"
"""
RUN = """#!/usr/bin/env bash
# Gradescope runs this for each submission.
root="${AUTOGRADER_ROOT:-/autograder}"
exec "${AUTOGRADER_PYTHON:-$root/venv/bin/python}" "$root/source/lessons/homework/gradescope.py" "$root"
"""


def make_zip(name, variant, visibility, to):
    """Write the autograder of homework `name`, for one variant, to the file `to`."""
    from marks import fresh

    to = fresh(to)
    settings = {"name": name, "variant": variant, "secret": secrets.randbits(32), "visibility": visibility}
    folders = [ROOT / "nodekit", HERE / name]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    files += [*sorted(HERE.glob("*.py")), *(ROOT / file for file in ("pyproject.toml", "README.md", "LICENSE"))]
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as file:
        for inside, text in (("setup.sh", SETUP), ("run_autograder", RUN)):
            info = zipfile.ZipInfo(inside, (1980, 1, 1, 0, 0, 0))
            info.external_attr = 0o100755 << 16
            file.writestr(info, text)
        file.writestr("homework.json", json.dumps(settings))
        for path in files:
            if "__pycache__" not in path.parts and ".ipynb_checkpoints" not in path.parts:
                file.write(path, path.relative_to(ROOT))
    print(f"{to}: the autograder of {name}, variant {variant}, for Gradescope. It holds the answers: for nobody else.")


def results(outcome, points, seconds, visibility):
    """What results.json says: `outcome` is what marking.mark returned, points {part: (points, by hand)}.

    What students see at once is whether the notebook was read; the points when `visibility` says.
    """
    said, private, tests = [], [], []
    for note in outcome["notes"]:
        (private if note.startswith("to be read by a human") else said).append(note)
    for part, (most, by_hand) in points.items():
        own = [note.removeprefix(f"{part}: ") for note in said if note.startswith(f"{part}: ")]
        said = [note for note in said if not note.startswith(f"{part}: ")]
        earned = outcome["points"].get(part, 0.0)
        if by_hand:
            words = [*own, f"A human marks this part, out of {most:g}. It is not in the sum above."]
            tests.append({"name": part, "output": "\n".join(words)})
        else:
            words = own or ["all points" if earned == most else "nothing was judged"]
            tests.append({"name": part, "score": earned, "max_score": most, "output": "\n".join(words)})
    read = {"name": "The notebook", "output": "\n".join(said) or "It was read and run.", "visibility": "visible"}
    tests.insert(0, read)
    if private:
        tests.append({"name": "For the instructor", "output": "\n".join(private), "visibility": "hidden"})
    return {
        "score": round(sum(test.get("score", 0.0) for test in tests), 2),
        "execution_time": round(seconds),
        "visibility": visibility,
        "stdout_visibility": "hidden",
        "tests": tests,
    }


def run(root):
    """Grade root/submission, and write root/results/results.json. Where the grader itself fails, nothing is written."""
    from batch import STOPPED, grade_one, points_of, processes
    from contained import bubblewrap
    from submitted import chosen, notebooks

    from nodekit.classroom.watch import Wrong

    settings = json.loads((root / "source" / "homework.json").read_text(encoding="utf-8"))
    name, begin, to = settings["name"], time.monotonic(), root / "results"
    to.mkdir(exist_ok=True)
    try:
        job = {"data": chosen(notebooks(name, root / "submission"))[1]} | {
            k: settings[k] for k in ("name", "variant", "secret")
        }
        job |= {"limits": {}, "page": to / "page.html", "contained": bubblewrap() is not None}
        outcome = grade_one(job, processes())
        (to / "page.html").unlink(missing_ok=True)
    except Wrong as wrong:
        outcome = {"points": {}, "notes": [str(wrong)]}
    if any(STOPPED in note for note in outcome["notes"]):
        raise SystemExit(outcome["notes"][0])  # Gradescope then says that the autograder failed: nobody has 0 for that
    made = results(outcome, points_of(name), time.monotonic() - begin, settings["visibility"])
    (to / "results.json").write_text(json.dumps(made, indent=1), encoding="utf-8")


if __name__ == "__main__":
    os.environ["PYTHONSAFEPATH"] = "1"  # no process imports what lies in the folder that this runs in
    run(Path(sys.argv[1]).resolve())

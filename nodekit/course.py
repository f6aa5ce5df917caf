"""`nodekit-course FOLDER`, or `python -m nodekit.course FOLDER`: the course, copied to where you can write.

The lessons, their exercises, pictures, data and measured tables come with the installed package; in a clone they are
those of the clone. A file that is there already is never written over, so the command may be run again after an
upgrade: what is new is added, and what you have changed stays yours.
"""

import argparse
import filecmp
import shutil
import sys
from pathlib import Path

__all__ = ["copy", "main"]

INSTALLED = Path(__file__).parent / "_lessons"  # where the wheel has them (pyproject.toml)
CLONE = Path(__file__).parents[1] / "lessons"
FOR_INSTRUCTORS = ("homework", "INSTRUCTORS.md")  # the wheel leaves them out too


def files(source):
    """The course's files below `source`, as relative paths, sorted: none that is hidden, made, or an instructor's."""
    found = (path.relative_to(source) for path in source.rglob("*") if path.is_file())
    left_out = ("__pycache__", *FOR_INSTRUCTORS)
    return sorted(p for p in found if not any(part in left_out or part.startswith(".") for part in p.parts))


def copy(folder, source=None):
    """Copy the course into `folder`, which is made where it is not there; nothing is written over.

    source: the folder of lessons to copy; by default those that came with this nodekit.
    Returns (new, equal, kept): lists of relative paths that were copied, were there already and equal, or were there
    already and differ from this version's.
    Raises FileNotFoundError if this installation has no lessons, and NotADirectoryError if `folder` is a file.
    """
    source = source or (INSTALLED if INSTALLED.is_dir() else CLONE)
    if not (source / "00_start_here.ipynb").exists():
        raise FileNotFoundError("this installation of nodekit came without lessons: pip install nodekit-course")
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file: name a folder for the course, which is made if need be")
    new, equal, kept = [], [], []
    for path in files(source):
        target = folder / path
        if target.exists():
            (equal if filecmp.cmp(source / path, target, shallow=False) else kept).append(path)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(target.name + ".part")  # whole or not at all: a copy that is stopped is taken up again
        shutil.copyfile(source / path, part)
        part.rename(target)
        new.append(path)
    return new, equal, kept


def main(arguments=None):
    """The command. Returns 0, or 1 after a line that says what is wrong."""
    parser = argparse.ArgumentParser(prog="nodekit-course", description=__doc__.split("\n\n")[1])
    parser.add_argument("folder", type=Path, help="where the lessons go; made if need be")
    folder = parser.parse_args(arguments).folder
    try:
        new, equal, kept = copy(folder)
    except OSError as error:
        print(f"nodekit-course: {error}", file=sys.stderr)
        return 1
    print(f"{len(new)} files copied to {folder}, {len(equal) + len(kept)} were there already.")
    if kept:
        print(f"{len(kept)} of these differ from this version's, and stay as they are:")
        print("\n".join(f"    {path}" for path in kept))
        print("To have this version's beside them, give a new folder.")
    print(f"Next: jupyter lab {folder / '00_start_here.ipynb'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

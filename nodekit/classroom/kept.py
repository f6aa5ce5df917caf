"""What a student chose and solved, kept in one small file beside the lessons; nothing leaves the machine.

lessons/.nodekit_progress.json: {"05": {"exercises": {"heun_step": {...}}, "predictions": {...}, "quiz": {...}}}. The
environment variable NODEKIT_PROGRESS names another file, or, empty, none at all: then it lasts as long as the kernel.
progress.py shows it; checks.py and quiz.py write it. Used from lesson 00 on.
"""

import contextlib
import json
import os
import time
from pathlib import Path

FILE = ".nodekit_progress.json"
VARIABLE = "NODEKIT_PROGRESS"

watchers = []  # functions without arguments, called after every change: what is on the page follows it
_unsaved = {}  # what no file holds: there is none, or it cannot be written to
_said = set()  # each notice once a kernel


def file_in(folder):
    """The file for the lessons in `folder`; None without a folder, or where NODEKIT_PROGRESS is empty."""
    given = os.environ.get(VARIABLE)
    if folder is None or given == "":
        return None
    return Path(given) if given else Path(folder) / FILE


def read(folder):
    """{lesson: {kind: {key: value}}} of what is kept for the lessons in `folder`. Never raises."""
    found = _load(file_in(folder))
    for lesson, kinds in _unsaved.items():
        for kind, values in kinds.items():
            found.setdefault(lesson, {}).setdefault(kind, {}).update(values)
    return found


def note(folder, lesson, kind, key, value):
    """Keep `value`, replacing what was kept under the same lesson, kind and key."""

    def edit(found):
        found.setdefault(lesson, {}).setdefault(kind, {})[key] = value

    if not _change(folder, edit):
        edit(_unsaved)
    _tell()


def forget(folder, lesson=None):
    """Drop what is kept of one lesson, such as "05", or of all of them."""

    def edit(found):
        for each in [lesson] if lesson else list(found):
            found.pop(each, None)

    edit(_unsaved)
    _change(folder, edit)
    _tell()


def _tell():
    for watcher in list(watchers):
        watcher()


def _load(path):
    """The file's content, {} without one. A damaged file is set aside under another name, with a message."""
    try:
        text = path.read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, UnicodeDecodeError):
            _set_aside(path)
        return {}
    if not text:
        return {}
    try:
        found = json.loads(text)
        entries = [e for kinds in found.values() for values in kinds.values() for e in values.values()]
        if all(isinstance(entry, dict) for entry in entries):
            return found
    except (ValueError, AttributeError):  # no JSON, or of another form
        pass
    _set_aside(path)
    return {}


def _set_aside(path):
    aside = path.with_name(f"{path.stem}.damaged-{time.time_ns()}.json")
    with contextlib.suppress(OSError):  # another kernel may have done it
        os.replace(path, aside)
        print(f"The file of your progress could not be read. It is kept as {aside.name}; a new one begins.")


def _change(folder, edit):
    """Read, edit and write the file while no other kernel does; False if there is none, or no way to write it."""
    path = file_in(folder)
    if path is None:
        return False
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        with _locked(path):
            found = _load(path)
            edit(found)
            new.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False), encoding="utf-8")
            os.replace(new, path)  # whole or not at all
    except OSError as error:
        if path not in _said:
            _said.add(path)
            print(
                f"Your progress cannot be written to {path.name} ({error.strerror}): it lasts as long as this kernel."
            )
        return False
    return True


@contextlib.contextmanager
def _locked(path, patience=3.0):
    """Hold the lock beside the file. One that is older than `patience` seconds was left by a kernel that died."""
    lock, begin = path.with_name(f"{path.name}.lock"), time.monotonic()
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            if time.monotonic() - begin > patience:
                lock.unlink(missing_ok=True)
                begin = time.monotonic()
            time.sleep(0.01)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)

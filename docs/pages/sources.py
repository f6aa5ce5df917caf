"""Where the pages come from: each file of the repository that becomes a page, and the pages that are made of them.

They are written into docs/, to places that git ignores, before Sphinx looks for its sources.
"""

import base64
import importlib
import inspect
import json
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tests.api import MODULES, public
from tests.lessons import front, glossary

ROOT = Path(__file__).parents[2]
MADE = ("lessons", "homework", "reference")  # folders of docs/ that are made whole
PAGES = {
    "README.md": "readme.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "nodekit/API.md": "reference/index.md",
    "lessons/INSTRUCTORS.md": "lessons/INSTRUCTORS.md",
    "lessons/homework/README.md": "homework/README.md",
}


def places():
    """{path in the repository: path in docs/} of all that is a page, or a picture on one."""
    found = {path.relative_to(ROOT).as_posix() for path in (ROOT / "lessons").glob("[0-9][0-9]_*.ipynb")}
    found |= {path.relative_to(ROOT).as_posix() for path in (ROOT / "lessons" / "images").iterdir()}
    own = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs" / "decisions").glob("*.md")}
    homework = {f"lessons/homework/{name}/{name}.ipynb": f"homework/{name}.ipynb" for name in assignments()}
    return (
        {path: path for path in sorted(found)}
        | {path: path.removeprefix("docs/") for path in sorted(own | {"docs/architecture.md", "docs/hub.md"})}
        | homework
        | PAGES
    )


def assignments():
    return sorted(path.name for path in (ROOT / "lessons" / "homework").glob("hw[0-9]*"))


def make(docs):
    """Write everything that is made into `docs`, the folder of conf.py."""
    docs = Path(docs)
    for name in MADE:
        shutil.rmtree(docs / name, ignore_errors=True)
    for source, page in places().items():
        if source.startswith("docs/") or source.startswith("lessons/homework/hw"):
            continue
        (docs / page).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / source, docs / page)
    for name in assignments():
        released(name, docs / "homework")
    reference(docs / "reference")
    lesson_00 = json.loads(next((ROOT / "lessons").glob("00_*.ipynb")).read_text(encoding="utf-8"))["cells"]
    (docs / "cheat_sheet.md").write_text(cheat_sheet(lesson_00), encoding="utf-8")
    (docs / "glossary.md").write_text(glossary_page(), encoding="utf-8")
    (docs / "gallery.md").write_text(gallery(docs), encoding="utf-8")


def released(name, folder):
    """An assignment as a student gets it, of variant 1: without solutions, and without what they printed."""
    sys.path.insert(0, str(ROOT / "lessons" / "homework"))
    try:
        from course import make_course
    finally:
        sys.path.pop(0)
    with tempfile.TemporaryDirectory() as root:
        make_course(root, name, 1)
        shutil.copyfile(Path(root, "release", name, f"{name}.ipynb"), folder / f"{name}.ipynb")


def reference(folder):
    """The index of public names, and a page for each module with the docstrings of its names, each documented once."""
    index, seen = (folder / "index.md").read_text(encoding="utf-8"), set()
    pages = []
    for module in MODULES:
        about = inspect.getdoc(importlib.import_module(module))
        lines = [f"# {module}", "", "```{eval-rst}", f".. automodule:: {module}", "   :no-members:", ""]
        for name, thing in public(module).items():
            if id(thing) not in seen:
                seen.add(id(thing))
                lines += directive(module, name, thing)
        if about:
            (folder / f"{module}.md").write_text("\n".join([*lines, "```", ""]), encoding="utf-8")
            pages.append(module)
            index = index.replace(f"\n## {module}\n", f"\n## [{module}]({module}.md)\n")
    toctree = ["", "```{toctree}", ":hidden:", *pages, "```", ""]
    (folder / "index.md").write_text(index + "\n".join(toctree), encoding="utf-8")


def directive(module, name, thing):
    """What asks autodoc for one name."""
    if inspect.isclass(thing):
        return [f".. autoclass:: {module}.{name}", "   :members:", ""]
    if callable(thing):
        return [f".. autofunction:: {module}.{name}", ""]
    return [f".. autodata:: {module}.{name}", "   :no-value:", ""]


def from_above(text):
    """A lesson's Markdown with its links to other lessons as they lead from the folder above."""
    return re.sub(r"\]\((\d\d_\w+\.ipynb)", r"](lessons/\1", text)


def cheat_sheet(cells):
    """The formulas, the choice of a solver and the notation, from lesson 00."""
    parts = ["# Cheat sheet", "", "Of lesson [00](lessons/00_start_here.ipynb), which checks the formulas in numbers."]
    for heading in ("The formulas on one page", "Which solver, when", "Notation"):
        (text,) = ("".join(c["source"]) for c in cells if f"Deeper: {heading}" in "".join(c["source"]).split("\n")[0])
        parts += ["", f"## {heading}", "", from_above(text.split("\n", 1)[1])]
    return "\n".join(parts) + "\n"


def glossary_page():
    """Each term with the sentence that defines it."""
    rows = map(from_above, glossary.table())
    return "\n".join(["# Glossary", "", "Each term, the sentence that defines it, and its lesson.", "", *rows, ""])


def gallery(docs):
    """All lessons: a picture of each, and its question. The picture is its slider's, else its first."""
    lines = ["# The lessons in pictures", ""]
    for part, lessons in front.PARTS.items():
        lines += [f"## {part}", ""]
        for number in lessons:
            for path in (docs / "lessons").glob(f"{number}_*.ipynb"):
                cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
                first = "".join(cells[0]["source"])
                title = re.search(r"^# (.*)", first)[1]
                question = re.search(r"\*\*Question\.\*\* (.*?)(?:\n\n|$)", first, re.S)[1].replace("\n", " ")
                lines += [f"### [{title}](lessons/{path.name})", "", question, "", *picture(cells, number, docs), ""]
    return "\n".join(lines)


def picture(cells, number, docs):
    """The lesson's picture, written beside its page, with its alt text."""
    found = [
        (out["output_type"] != "execute_result", "".join(out["data"]["image/png"]), out["metadata"]["image/png"]["alt"])
        for cell in cells
        for out in cell.get("outputs", [])
        if "alt" in out.get("metadata", {}).get("image/png", {})
    ]
    if not found:
        return []
    _, png, alt = min(found, key=lambda each: each[0])
    path = docs / "lessons" / "images" / f"{number}.png"
    path.write_bytes(base64.b64decode(png))
    return [f"![{alt}](lessons/images/{path.name})"]

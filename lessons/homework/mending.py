"""A submission laid beside the release: its cells get back what nbgrader knows them by, and its texts are gathered.

Students' notebooks come back from editors that strip metadata, change ids, split cells and move them. What counts is
in the release; what somebody wrote is in the submission, wherever it stands.
"""

import re

import nbformat
from nbgrader.utils import is_grade


def grade_id_of(cell):
    return cell.metadata.nbgrader.grade_id


def graded(notebook):
    """{grade_id: cell} of the cells with points."""
    return {grade_id_of(cell): cell for cell in notebook.cells if is_grade(cell)}


def mended(notebook, released):
    """The submission with nbgrader's cells as they were released, and in words what had to be mended.

    Marks of a cell (points, what is locked) and the source of locked ones are the release's; of a cell that occurs
    twice the last one counts; a cell with points that is missing comes back at the end.
    """
    known = {grade_id_of(cell): cell for cell in released.cells if "nbgrader" in cell.metadata}
    claimed, words = claims(notebook, known)
    for cell in notebook.cells:
        cell.metadata.pop("nbgrader", None)
    for grade_id, original in known.items():
        cell = claimed.get(grade_id)
        if cell is None:
            words.append(f"cell {grade_id} was missing")
            if original.metadata.nbgrader.grade:  # an empty solution would undo what is written elsewhere
                notebook.cells.append(nbformat.from_dict(dict(original)))
            continue
        if cell.cell_type != original.cell_type:
            words.append(f"cell {grade_id} was changed to {cell.cell_type}")
        if original.metadata.nbgrader.locked and cell.source != original.source:
            words.append(f"the locked cell {grade_id} was changed")
            cell.source = original.source
        fresh = dict(original) | {"source": cell.source, "id": cell.id}
        if "attachments" in cell and original.cell_type != "code":
            fresh["attachments"] = cell.attachments
        cell.clear()
        cell.update(nbformat.from_dict(fresh))
    notebook.metadata = released.metadata
    for cell in notebook.cells:
        if cell.cell_type != "code":
            cell.source = without_lost_images(cell)
    return notebook, words


def claims(notebook, known):
    """({grade_id: cell} of a submission, what was lost in words): by nbgrader's mark; else by id; else by the text."""
    found, free = {}, []
    for cell in reversed(notebook.cells):
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if isinstance(grade_id, str) and grade_id in known and grade_id not in found:
            found[grade_id] = cell
        else:
            free.append(cell)
    marked = len(found)
    for same in (
        lambda cell, original: cell.id == original.id and cell.cell_type == original.cell_type,
        lambda cell, original: cell.source.strip() == original.source.strip() and cell.cell_type == original.cell_type,
    ):
        for grade_id, original in known.items():
            cell = next((c for c in free if same(c, original)), None) if grade_id not in found else None
            if cell is not None:
                found[grade_id] = cell
                free = [c for c in free if c is not cell]
    lost = len(found) - marked
    return found, [f"{lost} cells had lost their marks, and were found by id or text"] if lost else []


def without_lost_images(cell):
    """The text of a cell, with words in place of pasted images that did not come with the file."""

    def image(match):
        here = match[1] in cell.get("attachments", {})
        return match[0] if here else f"[the image {match[1]} did not come with the file]"

    return re.sub(r"!\[[^\]]*\]\(attachment:([^)\s]*)[^)]*\)", image, cell.source)


# ---- what a human is to read ---------------------------------------------------------------------------


def written(notebook, released):
    """{grade_id: text} of the answers that a human marks, and [text] of what was written in other cells.

    Whatever is not the release's own text counts, wherever it stands. A pasted image is in the text, as data.
    """
    given = {plain(cell.source) for cell in released.cells if cell.cell_type != "code"}
    answers, others = {}, []
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" or plain(cell.source) in given or not cell.source.strip():
            continue
        if is_grade(cell):
            answers[grade_id_of(cell)] = with_images(cell)
        else:
            others.append(f"(cell {number})\n\n{with_images(cell)}")
    return answers, others


def plain(source):
    return " ".join(source.split())


def with_images(cell):
    source = cell.source
    for name, data in cell.get("attachments", {}).items():
        kind, part = next(iter(data.items()))
        source = source.replace(f"attachment:{name}", f"data:{kind};base64,{''.join(part.split())}")
    return source

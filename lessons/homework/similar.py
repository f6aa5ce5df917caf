"""Which submissions resemble each other: lines of code with every name taken out, compared by Python's own difflib.

A list for a human to begin with, and no verdict: short functions of one assignment are alike by nature.
"""

import csv
import io
import tokenize
from difflib import SequenceMatcher
from itertools import combinations
from keyword import iskeyword

from scores import cell
from submitted import chosen, notebook_of

from nodekit.classroom.watch import Wrong

MOST = 100  # pairs in the report
SKIPPED = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING}
SKIPPED |= {tokenize.ENDMARKER}


def shape(source):
    """The lines of code without names, spaces and comments: who renames a variable leaves them as they are."""
    lines = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type not in SKIPPED:
                text = "n" if token.type == tokenize.NAME and not iskeyword(token.string) else token.string
                lines.setdefault(token.start[0], []).append("s" if token.type == tokenize.STRING else text)
    except (tokenize.TokenError, SyntaxError):
        pass  # what came before counts
    return [" ".join(line) for _, line in sorted(lines.items()) if len(line) > 2]  # a bare `return x` says nothing


def own_lines(notebook, given):
    """The shapes of the lines in a notebook's code that are not those of the release, `given` (a set)."""
    sources = [one.source for one in notebook.cells if one.cell_type == "code"]
    return [line for source in sources for line in shape(source) if line not in given]


def write_report(path, found, released, reference):
    """A table of the pairs that are most alike: student, other, share of equal lines, lines. Returns how many.

    found: {student: [paths]}. released, reference: notebooks, without and with solutions; the latter is one of the
    others, since it stands in the open.
    """
    given = {line for one in released.cells if one.cell_type == "code" for line in shape(one.source)}
    lines = {"(the reference solution)": own_lines(reference, given)}
    for student, paths in found.items():
        try:
            lines[student] = own_lines(notebook_of(chosen(paths)[1])[0], given)
        except Wrong:
            continue
    rows = []
    for one, other in combinations([name for name, own in lines.items() if len(own) >= 8], 2):
        matcher = SequenceMatcher(None, lines[one], lines[other], autojunk=False)
        if matcher.real_quick_ratio() > 0.6 and matcher.quick_ratio() > 0.6:
            rows.append((round(matcher.ratio(), 2), one, other, min(len(lines[one]), len(lines[other]))))
    rows = sorted((row for row in rows if row[0] > 0.6), reverse=True)[:MOST]
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["share", "student", "other", "lines"])
        writer.writerows((share, cell(one), cell(other), n) for share, one, other, n in rows)
    return len(rows)

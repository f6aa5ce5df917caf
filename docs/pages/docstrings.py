"""Docstrings are written to be read by `help`; here they become reStructuredText, with nothing of them lost.

A paragraph of lines `name: what it is`, each with its indented continuation, becomes a list of terms; an indented
paragraph stays as it is set; and bars, stars and underscores of the prose are letters, not markup.
"""

import re

from tests.api import one_line

TERM = re.compile(r"([\w.*]+(?:, [\w.*]+)*):(?: (.*))?$")  # "rtol, atol: the tolerances"
CODE = re.compile(r"(``.+?``|`[^`]+`)")
RULE = re.compile(r"^(-{3,}|={3,})$")  # below a heading of NumPy's style, which napoleon reads


def prepare(app, what, name, thing, options, lines):
    """Sphinx's hook: change the lines in place, before napoleon reads them."""
    if what == "data":  # a dictionary's own docstring would be dict's
        lines[:] = [escaped(one_line(thing) or "")]
    else:
        lines[:] = [escaped(line) for line in lines] if what == "attribute" else restructured(lines)


def restructured(lines):
    """The lines of a docstring as those of reStructuredText."""
    if any(RULE.match(line) for line in lines):
        return sections(lines)
    first, *more = paragraphs(lines) or [[]]
    out = [*map(escaped, first), ""]  # one sentence
    for paragraph in more:
        out += [*of_paragraph(paragraph), ""]
    return out


def paragraphs(lines):
    """The lines between empty ones, as lists."""
    found, part = [], []
    for line in [*lines, ""]:
        if line.strip():
            part.append(line)
        elif part:
            found.append(part)
            part = []
    return found


def of_paragraph(paragraph):
    """One paragraph: set as it is, a list, terms, or prose."""
    if all(line.startswith("    ") for line in paragraph):
        return ["::", "", *paragraph]
    if paragraph[0].lstrip().startswith(("- ", "* ")):
        return [escaped(line) if not line.startswith("* ") else "* " + escaped(line[2:]) for line in paragraph]
    out, prose = [], []
    for number, line in enumerate(paragraph):
        term = TERM.match(line)
        continued = number + 1 < len(paragraph) and paragraph[number + 1].startswith("    ")
        if line.startswith(" ") and out and not prose:
            out.append("    " + escaped(line.strip()))
        elif term and not line.startswith(" ") and (term[2] or continued) and not prose:
            out += ["", escaped(term[1]), *(["    " + escaped(term[2])] if term[2] else [])]
        elif line.startswith(" ") and prose and prose[-1].endswith(":"):  # it announces what is set as it stands
            out += ["", *prose, "", "::", "", *[each for each in paragraph[number:] if each.startswith(" ")], ""]
            prose = [escaped(each) for each in paragraph[number:] if not each.startswith(" ")]
            break
        else:
            prose.append(escaped(line.strip()))
    return [*out, *([""] if out and prose else []), *prose]


def sections(lines):
    """NumPy's style: what is below a heading's rule belongs to napoleon; its prose is escaped."""
    return [line if RULE.match(line.strip()) else escaped(line) for line in lines]


def escaped(line):
    """The line with code as literals, and with what would be markup as letters."""
    parts = CODE.split(line)
    for number, part in enumerate(parts):
        if number % 2:
            parts[number] = f"``{part.strip('`')}``"
        else:
            parts[number] = re.sub(r"(\\|\*|\||_(?=\W|$))", r"\\\1", part)
    return "".join(parts)

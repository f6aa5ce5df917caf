"""Links between files of the repository become links between pages; one to a file that is no page leads to the
repository, where its address is known, and is plain words where it is not."""

import json
import os
import posixpath
import re

import merm

from pages import sources

LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])*)\]\(([^)\s]+)\)")
MERMAID = re.compile(r"```mermaid\n(.*?)```", re.S)
PLACES = sources.places()


def prepare(app, docname, source):
    """Sphinx's hook: change the text of a page that stands elsewhere in the repository."""
    page = str(app.env.doc2path(docname, base=False))
    origin = {to: path for path, to in PLACES.items()}.get(page)
    if origin is None:
        return
    if not page.endswith(".ipynb"):
        source[0] = rewritten(source[0], origin, page)
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = rewritten("".join(cell["source"]), origin, page)
    source[0] = json.dumps(notebook)


def rewritten(text, origin, page):
    """The Markdown of the file `origin` as it stands on `page`."""

    def link(match):
        words, target = match.groups()
        if re.match(r"[a-z]+:|#|<", target):
            return match[0]
        path, hash_, anchor = target.partition("#")
        there = posixpath.normpath(posixpath.join(posixpath.dirname(origin), path))
        if there in PLACES:
            return f"[{words}]({posixpath.relpath(PLACES[there], posixpath.dirname(page) or '.')}{hash_}{anchor})"
        repository = os.environ.get("GITHUB_REPOSITORY")
        return f"[{words}](https://github.com/{repository}/blob/main/{there})" if repository else words

    text = LINK.sub(link, text)
    return MERMAID.sub(lambda match: drawn(match[1]), text)


def drawn(graph):
    """A Mermaid graph as a picture within the page, which no script has to draw."""
    svg = merm.render_diagram(graph)
    svg = re.sub(r'(<svg [^>]*?) width="[\d.]+" height="[\d.]+"', r"\1", svg, count=1)
    svg = re.sub(r"\n\s*\n", "\n", svg)
    return f'<figure class="course-graph">\n{svg}\n</figure>'

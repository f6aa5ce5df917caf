"""A committed notebook as a page without a kernel: alt texts arrive, questions have buttons, sliders move."""

import html
import importlib
import json
import os
import re
from pathlib import Path

from pages import colab

QUESTION = re.compile(r"^(ex\d\d)\.(\w+)\.(ask|reveal|show)\(\)\s*$", re.M)


def prepare(app, docname, source):
    """Sphinx's hook: change a notebook's text before myst-nb reads it."""
    if not str(app.env.doc2path(docname, base=False)).endswith(".ipynb"):
        return
    notebook = json.loads(source[0])
    notebook["metadata"].pop("widgets", None)
    repository, lesson = os.environ.get("GITHUB_REPOSITORY"), re.fullmatch(r"lessons/\d\d_\w+", docname)
    if repository and lesson:
        way = f"\n\n[Open this lesson on Colab]({colab.address(repository, Path(docname).name + '.ipynb')})"
        notebook["cells"][0]["source"] = "".join(notebook["cells"][0]["source"]) + way
    frames = app.course_frames.get(docname.split("/")[-1][:2], {})
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            prepare_cell(cell)
            if number in frames:
                move(cell, frames[number])
    source[0] = json.dumps(notebook)


def prepare_cell(cell):
    asked = QUESTION.search("".join(cell["source"]))
    for out in cell["outputs"]:
        data = out.get("data", {})
        if data.get("text/html", "") and "<style>" in "".join(data["text/html"]):
            data.clear()  # what a figure's style says to JupyterLab; the page has its own
        alt = out.get("metadata", {}).get("image/png", {}).get("alt")
        if alt:  # myst-nb reads the alt of the cell
            cell["metadata"].setdefault("mystnb", {})["image"] = {"alt": alt}
        if asked and "text/html" in data:
            data["text/html"] = question(*asked.groups())
    cell["outputs"] = [out for out in cell["outputs"] if out.get("data", True)]


def move(cell, path):
    """Put a figure with controls in the place of a slider's picture, which stays inside where scripts are off."""
    (out,) = (out for out in cell["outputs"] if "image/png" in out.get("data", {}))
    figure = json.loads(path.read_text(encoding="utf-8"))
    spec = {key: figure[key] for key in ("alt", "names", "choices", "values", "start", "star")}
    inline = json.dumps(spec).replace("</", "<\\/")  # or a text within it could end the script
    src = f"../_static/frames/{path.parent.name[:2]}-{path.stem}"
    out["data"] = {
        "text/html": f'<figure class="course-frames" data-src="{src}.json">'
        f'<script type="application/json">{inline}</script>'
        f'<img src="{src}.png" alt="{html.escape(figure["alt"])}" width="{figure["width"]}"></figure>'
    }


def question(module, name, call):
    """The HTML that quiz.js brings to life, and that can be read as it stands where scripts are off."""
    thing = getattr(importlib.import_module(f"exercises.{module}"), name)
    if call == "show":
        parts = [asked(f"{module}.{name}.{i}", q, f"{i}. ", quiz=True) for i, q in enumerate(thing.questions, 1)]
        return "".join(parts)
    if call == "ask":
        return asked(f"{module}.{name}", thing.question, "", quiz=False)
    q = thing.question
    judged = "".join(f'<li data-letter="{k}">{html.escape(q.judge(k))}</li>' for k in q.options)
    right = f"{q.answer}) {html.escape(q.options[q.answer])}"
    return (
        f'<div class="course-reveal" data-for="{module}.{name}" data-answer="{q.answer}"><p class="course-said"></p>'
        f"<details><summary>The answer</summary><p>The answer is {right}</p>"
        f"<p>{html.escape(q.explain[q.answer])}</p></details><ul hidden>{judged}</ul></div>"
    )


def asked(key, q, number, quiz):
    """A question: its options are radio buttons; of a quiz the answers are folded below."""
    options = "".join(
        f'<label><input type="radio" name="{key}" value="{k}"> {k}) {html.escape(text)}</label>'
        for k, text in q.options.items()
    )
    judged = "".join(f'<li data-letter="{k}">{k}) {html.escape(q.judge(k))}</li>' for k in q.options)
    answers = f"<details><summary>The answers, and why</summary><ul>{judged}</ul></details>" if quiz else ""
    return (
        f'<fieldset class="course-question" data-key="{key}"><legend>{number}{html.escape(q.text)}</legend>{options}'
        f'<p class="course-said" role="status"></p>{answers}</fieldset>'
    )

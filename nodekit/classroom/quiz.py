"""Questions with buttons: a prediction made before running, and the quiz at a lesson's end. Used from lesson 00 on."""

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from textwrap import fill, shorten

import ipywidgets as widgets
from IPython.display import display

from nodekit.classroom import kept
from nodekit.classroom.named import Named

__all__ = ["Prediction", "Question", "Quiz"]


@dataclass(frozen=True)
class Question:
    """One question. options and explain have the same letters; explain says why each is right or wrong.

    Raises ValueError where the letters, or the answer's, do not agree, and for an answer that is no option.
    """

    text: str
    options: dict[str, str]
    answer: str
    explain: dict[str, str]

    def __post_init__(self):
        if self.options.keys() != self.explain.keys() or self.answer not in self.options:
            raise ValueError(
                f"options {list(self.options)}, explanations {list(self.explain)} and the answer "
                f"{self.answer!r} do not agree in {self.text!r}."
            )

    def plain(self) -> str:
        """The question and its options as text."""
        options = [wrapped(f"{letter}) {text}", "    ") for letter, text in self.options.items()]
        return "\n".join([wrapped(self.text), *options])

    def judge(self, letter) -> str:
        """'Right. ...' or 'Not quite. ...' with the explanation of the option that was chosen."""
        self.require(letter)
        return ("Right. " if letter == self.answer else "Not quite. ") + self.explain[letter]

    def require(self, letter):
        """Raise ValueError unless the letter is one of the options."""
        if letter not in self.options:
            raise ValueError(f"{letter!r} is not an option; there are {', '.join(map(repr, self.options))}.")


def wrapped(text, indent=""):
    """The text in lines of at most 88 characters."""
    return fill(text, 88, initial_indent=indent, subsequent_indent=indent + ("   " if indent else ""))


def listed(items) -> str:
    """Pairs of a letter and a text as an HTML list."""
    rows = "".join(f"<li>{escape(letter)}) {escape(text)}</li>" for letter, text in items)
    return f'<ul style="list-style: none; margin: 0.3em 0">{rows}</ul>'


def folded(summary, content) -> str:
    """HTML that a reader opens; it needs no kernel."""
    return f'<details><summary style="cursor: pointer">{escape(summary)}</summary>{content}</details>'


def shown(view, html, text):
    """Display a widget; a page without a kernel shows the HTML in its place, and a terminal the text."""
    display({**view._repr_mimebundle_(), "text/html": html, "text/plain": text}, raw=True)


def asked(title, question, chosen, choose, reply):
    """A question with radio buttons: (widget, refresh).

    title: HTML. chosen(): the letter chosen so far, or None. choose(letter) keeps another one. reply(letter): HTML
    below the buttons. refresh() shows what is kept now: it may have been chosen elsewhere.
    """
    options = [(f"{letter}) {text}", letter) for letter, text in question.options.items()]
    buttons = widgets.RadioButtons(options=options, value=chosen(), layout=widgets.Layout(width="max-content"))
    below = widgets.HTML()

    def refresh():
        buttons.value = chosen()
        below.value = "" if buttons.value is None else reply(buttons.value)

    def on_click(change):
        if change["new"] is not None and change["new"] != chosen():
            choose(change["new"])
        refresh()

    refresh()
    buttons.observe(on_click, "value")
    title = widgets.HTML(title, layout=widgets.Layout(width="100%"))
    return widgets.VBox([title, buttons, below]), refresh


class Prediction(Named):
    """A question answered before the cells that decide it are run: ask, read on, reveal.

    In the lesson `ex01.first_guess.ask()` shows the question with buttons, and `ex01.first_guess.reveal()`, further
    down, compares what was chosen with what came out. A choice can be changed at any time.
    """

    def __init__(self, text, options, answer, explain):
        super().__init__()
        self.question = Question(text, options, answer, explain)

    @property
    def chosen(self):
        """The letter that was chosen, or None."""
        letter = (self.noted("predictions", self.own_name) or {}).get("letter")
        return letter if letter in self.question.options else None

    def choose(self, letter):
        """Keep the choice, without a word. Raises ValueError for a letter that is no option."""
        self.question.require(letter)
        self.note("predictions", self.own_name, {"letter": letter})

    def answer(self, letter):
        """Choose without the buttons. Raises ValueError for a letter that is no option."""
        self.choose(letter)
        print(wrapped(self._thanks(letter)))

    def ask(self):
        """Display the question with its buttons. Without a kernel: the question and its options."""
        title = f"<b>{escape(self.question.text)}</b>"
        view, refresh = asked(title, self.question, lambda: self.chosen, self.choose, lambda x: escape(self._thanks(x)))
        kept.watchers.append(refresh)
        first = next(iter(self.question.options))
        text = f'{self.question.plain()}\n\n{self.name}.answer("{first}") chooses {first} without buttons.'
        shown(view, f"<p>{title}</p>{listed(self.question.options.items())}", text)

    def reveal(self):
        """Display the comparison of the choice with the answer; it follows the buttons above."""
        view = widgets.HTML(self._compared())

        def refresh():
            view.value = self._compared()

        kept.watchers.append(refresh)
        shown(view, self._compared(), self.plain())

    def _thanks(self, letter):
        where = section(*self.home, f"{self.name}.reveal()")
        where = f"section {where}" if where else "the lesson"
        return f"Noted: {letter}. Read on: {where} compares it with what comes out. You may still change it."

    def _right(self):
        answer = self.question.answer
        return f"The answer is {answer}) {self.question.options[answer]}", self.question.explain[answer]

    def _not_yet(self):
        start = shorten(self.question.text, 70, placeholder=" ...")
        return f'You have not chosen yet: the buttons are above, below "{start}"'

    def plain(self) -> str:
        """The comparison as text."""
        right = " ".join(self._right())
        if self.chosen is None:
            return f"{wrapped(self._not_yet())}\n{wrapped(right)}"
        judged = wrapped(f"You chose {self.chosen}. {self.question.judge(self.chosen)}")
        return judged if self.chosen == self.question.answer else f"{judged}\n{wrapped(right)}"

    def _compared(self):
        """The comparison as HTML. The answer is folded until something is chosen."""
        right = f"<p>{'</p><p>'.join(map(escape, self._right()))}</p>"
        if self.chosen is None:
            return f"<p>{escape(self._not_yet())}</p>{folded('The answer', right)}"
        judged = f"<p><b>You chose {self.chosen}.</b> {escape(self.question.judge(self.chosen))}</p>"
        return judged if self.chosen == self.question.answer else judged + right


@lru_cache
def section(folder, lesson, call):
    """The number of the section of a lesson's notebook that holds a call, or None."""
    found = None
    for path in sorted(folder.glob(f"{lesson}_*.ipynb"))[:1] if folder else ():
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                found = (re.findall(r"^## (\d+)\.", source, re.M) or [found])[-1]
            elif call in source:
                return found
    return None


class Quiz(Named):
    """A few questions: radio buttons where a kernel runs; where none does, the answers to all options are folded.

    Raises ValueError for a question or an option that there is none of.
    """

    def __init__(self, *questions):
        super().__init__()
        self.questions = questions

    def plain(self) -> str:
        """All questions as text, and how to answer one without the buttons."""
        numbered = [f"{i}. {question.plain()}" for i, question in enumerate(self.questions, 1)]
        return "\n\n".join([*numbered, f'{self.name}.answer(1, "a") answers question 1 with a.'])

    def html(self) -> str:
        """All questions as HTML, the judgement on each option folded."""
        parts = []
        for number, question in enumerate(self.questions, 1):
            judged = [(letter, question.judge(letter)) for letter in question.options]
            parts.append(f"<p><b>{number}. {escape(question.text)}</b></p>{listed(question.options.items())}")
            parts.append(folded("The answers, and why", listed(judged)))
        return "".join(parts)

    def chosen(self, number):
        """The letter chosen for a question, or None."""
        letter = (self.noted("quiz", str(number)) or {}).get("letter")
        return letter if letter in self.questions[number - 1].options else None

    def choose(self, number, letter):
        """Keep an answer, without a word."""
        self.note("quiz", str(number), {"letter": letter, "right": letter == self.questions[number - 1].answer})

    def answer(self, number, letter):
        """Judge one answer and print why. Raises ValueError for a question or an option there is none of."""
        if number not in range(1, len(self.questions) + 1):
            raise ValueError(f"There are questions 1 to {len(self.questions)}, not {number!r}.")
        print(wrapped(f"{number}{letter}) {self.questions[number - 1].judge(letter)}"))
        self.choose(number, letter)

    def show(self):
        """Display the quiz."""
        shown(widgets.VBox([self._box(i) for i in range(1, len(self.questions) + 1)]), self.html(), self.plain())

    def _box(self, number):
        """One question: its text, its radio buttons, and below them the verdict on the one chosen."""
        question = self.questions[number - 1]
        title = f"<b>{number}. {escape(question.text)}</b>"
        box, refresh = asked(
            title, question, lambda: self.chosen(number), lambda letter: self.choose(number, letter),
            lambda letter: escape(question.judge(letter)),
        )  # fmt: skip
        kept.watchers.append(refresh)
        return box

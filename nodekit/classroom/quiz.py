"""Questions with options: a prediction to commit to before running, and the quiz at a lesson's end (lesson 00 on)."""

from dataclasses import dataclass
from html import escape
from textwrap import fill

from nodekit.classroom.checks import Named

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


class Prediction(Named):
    """A question answered before the cells that decide it are run: commit, read on, reveal.

    In the lesson: `ex01.first_guess.commit(...)`, dots and all, asks; the student puts a letter there.
    """

    def __init__(self, text, options, answer, explain):
        super().__init__()
        self.question = Question(text, options, answer, explain)
        self.committed = None

    def commit(self, letter=...):
        """Note the student's choice; with the dots untouched, ask for one."""
        print(self.question.plain() + "\n")
        if letter is ...:
            self.committed = None
            first = next(iter(self.question.options))
            print(f'You have not committed yet. Replace the dots: {self.name}.commit("{first}"), say.')
            return
        self.question.require(letter)
        self.committed = letter
        print(f"Committed to {letter}. Read on.")

    def reveal(self):
        """Compare the choice with the answer, and explain."""
        answer, explain = self.question.answer, self.question.explain
        if self.committed is None:
            print("You have not committed.")
            print(wrapped(f"The answer is {answer}) {self.question.options[answer]} {explain[answer]}"))
            return
        print(wrapped(f"You committed to {self.committed}. {self.question.judge(self.committed)}"))
        if self.committed != answer:
            print(wrapped(f"The answer is {answer}) {self.question.options[answer]} {explain[answer]}"))


class Quiz(Named):
    """A few questions: radio buttons where a kernel runs, the same as text where none does.

    Raises ValueError for a question or an option that there is none of.
    """

    def __init__(self, *questions):
        super().__init__()
        self.questions = questions

    def plain(self) -> str:
        """All questions as text, and how to answer one without the buttons."""
        numbered = [f"{i}. {question.plain()}" for i, question in enumerate(self.questions, 1)]
        return "\n\n".join([*numbered, f'{self.name}.answer(1, "a") answers question 1 with a.'])

    def answer(self, number, letter):
        """Judge one answer and print why. Raises ValueError for a question or an option there is none of."""
        if number not in range(1, len(self.questions) + 1):
            raise ValueError(f"There are questions 1 to {len(self.questions)}, not {number!r}.")
        print(wrapped(f"{number}{letter}) {self.questions[number - 1].judge(letter)}"))

    def show(self):
        """Display the quiz. The saved notebook keeps the text beside the buttons."""
        import ipywidgets as widgets
        from IPython.display import display

        boxes = [self._box(widgets, i, question) for i, question in enumerate(self.questions, 1)]
        quiz = widgets.VBox(boxes)
        view = quiz._repr_mimebundle_()
        display({**view, "text/plain": self.plain()}, raw=True)

    @staticmethod
    def _box(widgets, number, question):
        """One question: its text, its radio buttons, and below them the verdict on the one chosen."""
        full = widgets.Layout(width="100%")
        options = [(f"{letter}) {text}", letter) for letter, text in question.options.items()]
        buttons = widgets.RadioButtons(options=options, value=None, layout=widgets.Layout(width="max-content"))
        verdict = widgets.HTML()

        def judge(change):
            verdict.value = "" if change["new"] is None else escape(question.judge(change["new"]))

        buttons.observe(judge, "value")
        return widgets.VBox([widgets.HTML(f"<b>{number}. {escape(question.text)}</b>", layout=full), buttons, verdict])

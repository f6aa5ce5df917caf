"""nodekit.classroom.quiz: predictions and quizzes, with buttons, without, and on a page without a kernel."""

import pytest

from nodekit.classroom import quiz as module
from nodekit.classroom.quiz import Prediction, Question, Quiz

EXPLAIN = {"a": "That is 1.", "b": "Because 1 < 2."}
question = Question("1 + 1?", {"a": "one", "b": "two"}, "b", EXPLAIN)
guess = Prediction("1 + 1?", {"a": "one", "b": "two"}, "b", EXPLAIN)
quiz = Quiz(question, question)


@pytest.fixture(autouse=True)
def views(monkeypatch):
    """What is displayed: (widget, html, text) in order. Nothing is chosen yet."""
    found = []
    monkeypatch.setattr(module.kept, "_unsaved", {})
    monkeypatch.setattr(module.kept, "watchers", [])
    monkeypatch.setattr(module, "shown", lambda *view: found.append(view))
    return found


def test_a_prediction_is_asked_without_its_answer(views):
    """Buttons, and for a page without them question and options; the explanations stand nowhere."""
    guess.ask()
    view, html, text = views[0]
    assert view.children[1].value is None
    for shown in (html, text):
        assert "1 + 1?" in shown
        assert "a) one" in shown
        assert "b) two" in shown
        assert "Because" not in shown
        assert "answer is" not in shown
    assert 'test_quiz.guess.answer("a")' in text


def test_a_choice_is_thanked_and_not_judged(views):
    """It can be changed, and a second view of the same question follows."""
    guess.ask()
    guess.ask()
    (_, buttons, below), (_, others, _) = (view.children for view, _, _ in views)
    for letter in "ab":
        buttons.value = letter
        assert guess.chosen == others.value == letter
        assert below.value.startswith(f"Noted: {letter}. Read on")
        assert "Right" not in below.value
        assert "quite" not in below.value


def test_a_reveal_is_alive(views):
    """Shown before anything is chosen it holds the answer folded, and says where to choose; then it judges."""
    guess.ask()
    guess.reveal()
    view, html, text = views[1]
    assert "You have not chosen yet" in html
    assert "1 + 1?" in html
    before, folded = html.split("<details>")
    assert "two" not in before
    assert "The answer is b) two" in folded
    assert "Because 1 &lt; 2." in folded
    assert "The answer is b) two" in text
    views[0][0].children[1].value = "a"
    assert "You chose a.</b> Not quite. That is 1." in view.value
    assert "The answer is b) two" in view.value
    guess.answer("b")
    assert "You chose b.</b> Right. Because 1 &lt; 2." in view.value
    assert views[0][0].children[1].value == "b"
    assert guess.plain() == "You chose b. Right. Because 1 < 2."


def test_a_prediction_answers_without_buttons(capsys):
    guess.answer("a")
    assert capsys.readouterr().out.startswith("Noted: a.")
    with pytest.raises(ValueError, match="'z' is not an option"):
        guess.answer("z")
    assert guess.chosen == "a"


def test_the_section_of_a_call(tmp_path):
    """Where the lesson reveals: the number of the section above the call."""
    cells = (
        '[{"cell_type": "markdown", "source": ["## 3. A\\n", "x"]}, {"cell_type": "code", "source": "e.g.reveal()"}]'
    )
    (tmp_path / "05_x.ipynb").write_text(f'{{"cells": {cells}}}')
    assert module.section(tmp_path, "05", "e.g.reveal()") == "3"
    assert module.section(tmp_path, "05", "e.h.reveal()") is None
    assert module.section(None, "05", "e.g.reveal()") is None


def test_quiz_answers_and_text(capsys):
    """answer() judges with the option's own explanation; the text form holds every option."""
    quiz.answer(1, "a")
    quiz.answer(2, "b")
    assert capsys.readouterr().out == "1a) Not quite. That is 1.\n2b) Right. Because 1 < 2.\n"
    assert "b) two" in quiz.plain()
    with pytest.raises(ValueError, match="questions 1 to 2"):
        quiz.answer(3, "a")


def test_quiz_buttons():
    """Choosing a radio button shows that option's explanation below it; a view made later has the same choice."""
    _, buttons, verdict = quiz._box(1).children
    assert buttons.value is None
    buttons.value = "a"
    assert verdict.value == "Not quite. That is 1."
    assert quiz._box(1).children[1].value == "a"
    assert quiz._box(2).children[1].value is None
    buttons.value = "b"
    assert verdict.value == "Right. Because 1 &lt; 2."


def test_a_quiz_without_a_kernel_has_its_answers_folded(views):
    """Beside the questions stand the options alone; the judgement on each is in <details>."""
    quiz.show()
    _, html, text = views[0]
    open_, *rest = html.split("<details>")
    assert "a) one" in open_
    assert "That is 1" not in open_
    assert len(rest) == 2
    for part in rest:
        folded = part.split("</details>")[0]
        assert "a) Not quite. That is 1." in folded
        assert "b) Right. Because 1 &lt; 2." in folded
    assert "That is 1" not in text


def test_question_must_agree_with_itself():
    """An option without an explanation is refused when the question is made."""
    with pytest.raises(ValueError, match="do not agree"):
        Question("?", {"a": "x", "b": "y"}, "a", {"a": "because"})

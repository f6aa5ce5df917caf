"""Every kind of control in a real browser, by mouse, by keyboard and by number; and one lesson from end to end.

The controls are those of a small notebook. What every lesson's do, tests/lessons/test_run.py sees in a kernel.
"""

import re

import nbformat
import pytest
from nbclient import NotebookClient

LESSON = "03_solvers.ipynb"  # every kind of control in a lesson that runs for some seconds

pytestmark = pytest.mark.slow(seconds=60)


@pytest.fixture(scope="module")
def small(lab):
    """The small notebook, run."""
    with lab.open("small.ipynb") as notebook:
        notebook.run_all()
        yield notebook


def number(handle):
    return float(handle.get_attribute("aria-valuenow"))


def answer(notebook, number, letter):
    """Click an option of the question `number`, from 1, a prediction's or the quiz's; returns what is new below it."""
    question = notebook.page.locator(".widget-vbox:has(> .widget-radio)").nth(number - 1)
    verdict = question.locator(".widget-html").last
    before = verdict.text_content()
    question.locator("label", has_text=re.compile(rf"^\s*{letter}\)")).click()
    changed = "([element, before]) => element.textContent !== before"
    notebook.page.wait_for_function(changed, arg=[verdict.element_handle(), before])
    return verdict.text_content().strip()


def test_a_lesson_from_end_to_end(lab):
    """Run all gives no error; a drag, then key presses back, each change the picture; so does a choice; the quiz
    answers; and no figure shows an error.
    """
    with lab.open(LESSON) as notebook:
        notebook.run_all()
        figures = notebook.explorers()
        assert figures, "no figure with sliders is shown"
        figure = figures[0]
        handle, source = figure.handle("step size h"), figure.source
        start = number(handle)
        figure.drag("step size h", 0.3)
        figure.changed_from(source)
        dragged, source = number(handle), figure.settle()
        assert dragged > start
        for _ in range(5):
            handle.press("ArrowLeft")
        figure.changed_from(source)
        source = figure.settle()
        assert number(handle) < dragged
        figure.type("method", "rk4")
        figure.changed_from(source)
        figure.settle()
        assert [each.error for each in figures] == [""] * len(figures)
        assert answer(notebook, 1, "b").startswith("Noted: b. Read on: section 4 ")  # the two predictions come first
        assert re.match("Right|Not quite", answer(notebook, 3, "b"))


def test_the_first_picture_is_there_before_anything_is_touched(small):
    """Both the still figure and the one with sliders are painted at their full size."""
    figure = small.explorers()[0]
    assert figure.labels() == ["step size h", "number of layers", "method"]
    for image in [figure.image, small.pictures()[-1]]:
        assert image.evaluate("image => image.complete && image.naturalWidth >= 600")
    assert figure.image.evaluate("image => image.naturalWidth === image.clientWidth"), "the picture is scaled"


@pytest.mark.parametrize(
    ("label", "typed", "kept"),
    [
        ("step size h", "0.5", 0.5),
        ("step size h", "0.1234567", 0.1234567),
        ("step size h", "7", 1.0),
        ("step size h", "2e-3", 0.002),
        ("number of layers", "17", 17),
    ],
)
def test_a_typed_number_is_the_number_used(small, label, typed, kept):
    """What is typed beside a slider is used to the last digit, within the bounds, and stays in the box."""
    figure = small.explorers()[0]
    source = figure.source
    figure.type(label, typed)
    figure.changed_from(source)
    figure.settle()
    assert float(figure.box(label).input_value()) == kept
    name = {"step size h": "h", "number of layers": "layers"}[label]
    assert small.python(f"figure.values[{name!r}]") == repr(kept)


def test_a_key_press_moves_on_from_a_typed_number(small):
    """From 0.5, between two steps of the slider, the right arrow goes up; the box and the kernel agree."""
    figure = small.explorers()[0]
    figure.type("step size h", "0.5")
    source = figure.settle()
    figure.handle("step size h").press("ArrowRight")
    figure.changed_from(source)
    figure.settle()
    shown = float(figure.box("step size h").input_value())
    assert 0.5 < shown < 0.56
    assert float(small.python("figure.values['h']")) == shown


def test_a_choice_is_made_by_its_label(small):
    figure = small.explorers()[0]
    source = figure.source
    figure.type("method", "rk4")
    figure.changed_from(source)
    assert small.python("figure.values['method']") == "'rk4'"


def test_a_quiz_answers_at_a_click(small):
    """Each option clicked is judged below, with its own explanation."""
    assert answer(small, 1, "a") == "Not quite. That is 1."
    assert answer(small, 2, "a") == "Right. Yes."
    assert answer(small, 1, "b") == "Right. It is."


def test_a_prediction_is_noted_at_a_click(small):
    """Asked after all cells have run: noted without a verdict; what is revealed below follows, and can change."""
    revealed = small.page.locator(".jp-OutputArea-output .widget-html", has_text="The answer")
    assert "You have not chosen yet" in revealed.text_content()
    assert not revealed.get_by_text("It is three").is_visible()
    assert answer(small, 3, "a").startswith("Noted: a. Read on")
    small.page.get_by_text("You chose a.").wait_for()
    assert answer(small, 3, "b").startswith("Noted: b.")
    small.page.get_by_text("You chose b.").wait_for()


def test_an_error_is_shown_below_the_figure_and_goes_again(small):
    """A value that breaks the student's draw shows type, message and line; the next one clears it."""
    figure = small.explorers()[0]
    figure.type("number of layers", "45")
    figure.locator.locator(".nodekit-error").wait_for()
    assert re.search(r"draw, line 7: .*raise ValueError", figure.error)
    assert "ValueError: 45 layers are too many" in figure.error
    assert "/" not in figure.error
    source = figure.source
    figure.type("number of layers", "5")
    figure.changed_from(source)
    figure.locator.locator(".nodekit-error").wait_for(state="detached")  # its own message, which may come after
    assert figure.error == ""


def test_a_slow_figure_does_not_lag_behind_the_hand(small):
    """Forty quick key presses at 0.3 s a redraw: most values are skipped, and the last is drawn soon."""
    figure = small.explorers()[1]
    for _ in range(40):
        figure.handle("slow h").press("ArrowRight")
    last = number(figure.handle("slow h"))
    figure.settle(quiet=1.5)
    calls = eval(small.python("calls"))
    assert calls[-1] == last == 40
    assert len(calls) < 20, "every one of the values was drawn, each later than the one before"


def test_without_a_kernel_the_picture_is_shown(lab):
    """An executed notebook, opened and not run, shows the still picture of the figures with sliders."""
    executed = nbformat.read(lab.work / "small.ipynb", as_version=4)
    NotebookClient(executed, timeout=60, kernel_name="python3").execute()
    nbformat.write(executed, lab.work / "executed.ipynb")
    with lab.open("executed.ipynb", kernel=False) as notebook:
        pictures = notebook.pictures()
        assert len(pictures) == 3
        assert all(picture.evaluate("image => image.naturalWidth >= 600") for picture in pictures)

"""What an exercise, a quiz and a prediction share: a name, a lesson, and a memory (kept.py). Used from lesson 00 on."""

import re
import sys
from pathlib import Path

from nodekit.classroom import kept


class Named:
    """Something assigned in a module of exercises; it knows the name a student calls it by, and its lesson."""

    def __init__(self):
        self._module = sys._getframe(2).f_globals  # of the module that makes the exercise, quiz, ...

    @property
    def own_name(self) -> str:
        """`heun_step`: the name it was assigned to."""
        return next((key for key, value in self._module.items() if value is self), type(self).__name__)

    @property
    def name(self) -> str:
        """`ex03.heun_step`: the module's last name and the name it was assigned to."""
        return f"{self._module['__name__'].split('.')[-1]}.{self.own_name}"

    @property
    def home(self):
        """(folder of the lessons, "03"); (None, the module's name) outside of lessons/exercises/exNN.py."""
        module, path = self._module["__name__"].split(".")[-1], Path(self._module.get("__file__") or "")
        if path.parent.name == "exercises" and re.fullmatch(r"ex\d\d", module):
            return path.resolve().parents[1], module[2:]
        return None, module

    def note(self, kind, key, value):
        """Keep something that the student chose or solved."""
        kept.note(*self.home, kind, key, value)

    def noted(self, kind, key):
        """What was kept, or None."""
        folder, lesson = self.home
        return kept.read(folder).get(lesson, {}).get(kind, {}).get(key)

"""Do the checks and the asserts notice a mistake? `python -m tests.mutation` makes mistakes, one by one, and looks.

A mutant is one definition with one mistake: a transpose dropped, a sign flipped, t for t + h. operators.py has the
kinds, and makes each from the syntax tree.

- exercises.py: every reference solution in lessons/exercises/ is mutated, and given to the check of its exercise as a
  student's answer. A mutant that passes has survived.
- lessons.py: every function that a lesson defines is mutated, and the cells that depend on it are run. A mutant after
  which no cell raises, by an assert or otherwise, has survived. No kernel is started: the cells run once, in one
  process. A mutant gets a fork of that process (forked.py) as it was just before the first cell that uses the
  function, so that what was trained before need not be trained again. It runs only the cells that read what the
  function may have changed, and those that they need. The same cells must pass without a mistake, and each has
  several times the CPU time that it then takes: a mutant that needs more counts as killed.

A function with an argument ax, axes or fig only draws: pictures are looked at, not asserted, so it is left alone, and
so are print and assert themselves. Nor are lessons asked for a fifth digit and for looser tolerances: their numbers
are asserted to the digits that the text speaks of. A result in float32 is no mistake: checks take it on purpose.
What is only printed counts for nothing here, though nbval compares it in the cells that are tagged so.

A survivor is a gap in a check or an assert, or a mutant that is no mistake. The second kind is listed in accepted.toml,
with the reason in words. Any other survivor makes the command fail, and so does a row of the list whose mutant is
gone, or is killed now. The command is run nightly, not with the tests: it takes hours. The order is always the same;
`--sample 50 --seed 0` takes a subset, `--lesson 06` one lesson, `--part exercises` one part.
"""

"""Exercises: a prompt in a notebook, a check that looks at what was done, hints, a solution."""

"""Lesson 00 borrows a starting state, and no lesson starts where it ends."""

from __future__ import annotations

from pathlib import Path

from coursekit.course.alembic_command import run_alembic
from coursekit.course.catalog import lessons
from coursekit.course.opening import start
from coursekit.course.starting_state import INTRODUCTION, UPGRADE, starting_state
from coursekit.instructor.starting_states import next_start
from tutorial_lib import explorer


def test_the_introduction_has_the_project_of_the_lesson_that_upgrades() -> None:
    assert starting_state(INTRODUCTION) == starting_state(UPGRADE)


def test_no_lesson_starts_where_the_introduction_ends() -> None:
    assert next_start(INTRODUCTION) == ""
    following = [*lessons()][1]
    assert starting_state(following).files == {}
    assert starting_state(following).commands == ()


def test_the_introductions_migration_leaves_other_lessons_alone(workspace: Path) -> None:
    introduction = start("00")
    run_alembic("upgrade head", introduction.project, echo=False)
    assert "users" in set(explorer.tables(introduction.engine)["table"])
    assert explorer.tables(start("01").engine).empty
    assert "users" not in set(explorer.tables(start("07").engine)["table"])

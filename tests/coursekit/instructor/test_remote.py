"""Whatever a kernel replies to a probe is a result or an error, never a crash of the grading."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coursekit.exercises.items import ProbeResult
from coursekit.instructor.remote import RemoteSubmission


class Kernel:
    """A kernel that replies with a given content."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def run(self, *_: object, **__: object) -> Any:
        return self.content


def probe(names: dict[str, Any]) -> Any:
    raise AssertionError("it runs in the kernel")


def result(content: Any) -> ProbeResult:
    kernel: Any = Kernel(content)
    return RemoteSubmission("toy", None, None, kernel).call(probe)


def shown(text: Any) -> dict[str, Any]:
    return {"user_expressions": {"result": {"data": {"text/plain": text}}}}


def test_a_value_and_an_error_are_read() -> None:
    assert result(shown(repr(json.dumps(["[1, 'a']", "", True])))) == ProbeResult([1, "a"])
    late = shown(repr(json.dumps(["None", "late", False])))
    assert result(late) == ProbeResult(None, "late", ended=False)


@pytest.mark.parametrize(
    "content",
    [
        *({}, {"user_expressions": None}, {"user_expressions": []}),
        *({"user_expressions": {"result": "done"}}, {"user_expressions": {"result": {}}}),
        *(shown(None), shown(7), shown(""), shown("'{'"), shown("'[]'"), shown("'7'")),
        *(shown(repr("[" * 200_000)), shown("(" * 10_000), shown(repr('["(", "", true]'))),
        *(
            shown(repr('[["True"], "", true]')),
            shown(repr('["True", ""]')),
            {"user_expressions": {"result": {"data": []}}},
        ),
    ],
)
def test_a_damaged_reply_is_one_sentence(content: Any) -> None:
    assert result(content) == ProbeResult(error="the kernel's reply to the check is damaged")

"""Turn a mistake in a call into one clear error."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from ..errors import FrameError


def checked(usage: str, refused: Mapping[str, str]) -> Callable[[Callable[..., Any]], Any]:
    """Return a decorator that raises FrameError if a function's arguments don't fit.

    Args:
        usage: How to call it, for the message.
        refused: Names that people try, and what to do instead. They're refused even if the
            function takes any keyword argument.

    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(function)

        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            for name in refused.keys() & options.keys():
                raise FrameError(f"{name}= isn't an argument here.", "", refused[name])
            try:
                return function(*args, **options)
            except TypeError:
                try:
                    signature.bind(*args, **options)
                except TypeError as error:
                    why = f"Python says: {error}."
                    raise FrameError("The arguments of the call don't fit.", why, usage) from None
                raise  # the function ran, so its arguments were fine

        return call

    return decorate

"""An extension of Jupyter's server: the warm process imports while the browser still loads.

It is switched on by --ServerApp.jpserver_extensions=tutorial_lib.kernel.server=True.
"""

from __future__ import annotations

from typing import Any

from tutorial_lib.kernel import warm


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    warm.start()

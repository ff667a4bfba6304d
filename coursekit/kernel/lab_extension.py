"""An extension of Jupyter's server: the fork server imports while the browser is loading.

Turn it on with --ServerApp.jpserver_extensions=coursekit.kernel.lab_extension=True.
"""

from __future__ import annotations

from typing import Any

from coursekit.kernel import fork_server


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: Any) -> None:
    fork_server.start()

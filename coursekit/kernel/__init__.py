"""Processes that start warm: forked from one that has done their imports.

    warm.start(["pandas"])      the warm process; it ends with the process that asked for it
    provisioner                 JupyterLab, nbclient and nbval start their kernels from it
    warm.run(...)               a function of a library, as a process of its own
    ready.wait_for_ready(...)   a quicker handshake with any kernel

Nothing here knows what the kernels are used for. Forking is for Linux; elsewhere, and
wherever it would not be safe, the usual kernel starts instead.
"""

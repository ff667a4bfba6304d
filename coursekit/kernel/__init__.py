"""Start kernels and commands by forking a process that has done their imports already.

    fork_server.start()           start the fork server; it ends with the process that started it
    fork_server.run(...)          run a function in a process forked from it
    provisioner.ForkProvisioner   lets JupyterLab, nbclient and nbval fork their kernels from it
    client.start_new_kernel(...)  start any kernel, forked or not, and wait until it's ready

Nothing here knows what the kernels are for. Forking is for Linux. On other systems, and if a
forked kernel would differ from a default one, the default kernel starts.
"""

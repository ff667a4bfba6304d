"""JupyterLab in a real browser, as a learner sees it; run with -m browser."""

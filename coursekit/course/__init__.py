"""Find the notebooks, open them on a database of their own, and run them in JupyterLab."""

"""The environment in .venv: start.py runs these modules as scripts, before anything is installed.

They use only the standard library.
"""

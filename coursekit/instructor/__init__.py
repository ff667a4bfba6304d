"""What keeps a green run honest: the gates, and the pytest plugin that applies them."""

from coursekit.course.notebooks import quick_nbformat

quick_nbformat()  # before anything in here imports nbformat, or nbval, which does

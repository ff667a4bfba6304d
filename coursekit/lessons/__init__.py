"""The content of the lessons' exercises: a package per lesson, found by name."""

"""The pytest plugin that `pip install jackfield` brings."""

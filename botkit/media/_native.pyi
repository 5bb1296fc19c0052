"""The compiled module: one function, or class, for each of its twins in Python. See native.py."""

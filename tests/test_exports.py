"""The small door."""

from __future__ import annotations

import importlib
import subprocess
import sys

import botkit


def test_every_exported_name_is_there() -> None:
    """Each name of `__all__` can be had, and from where the map says."""
    assert sorted(botkit.__all__) == sorted(botkit._HOMES)
    for name in botkit.__all__:
        assert getattr(botkit, name) is getattr(importlib.import_module(f"botkit.{botkit._HOMES[name]}"), name)


def test_the_door_is_small() -> None:
    """Some fifteen names, no more."""
    assert len(botkit.__all__) <= 18


def test_importing_botkit_loads_no_webrtc_and_no_web_server() -> None:
    """`import botkit` is cheap: the heavy libraries come when they are needed."""
    script = (
        "import sys, botkit; print([m for m in ('aiortc', 'av', 'fastapi', 'uvicorn', 'numpy') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"

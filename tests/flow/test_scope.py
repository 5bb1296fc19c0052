"""The scope: names, and the output folder."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from botkit import clock
from botkit.errors import Fault
from botkit.flow.execute import run_steps
from botkit.flow.expression import RESERVED, Expression
from botkit.flow.scope import Inputs, Scope, Shared
from botkit.flow.source import Mark
from botkit.testing import FakeCall


def in_scope(test: Callable[[Scope], Coroutine[Any, Any, None]], **inputs: Any) -> None:
    """Run a test with the scope of an `answered` handler on a call that is up."""

    async def main() -> None:
        await test(Scope(Shared(FakeCall.up(), Inputs(**inputs)), run_steps, path="on.answered"))

    clock.run(main(), virtual=True)


def value(scope: Scope, text: str) -> Any:
    return scope.evaluate(Expression(text, Mark("test", 1, 1)))


def test_names_hold_variables_and_what_is_reserved() -> None:
    """Expressions see variables, local names before them, and the reserved names."""

    async def test(scope: Scope) -> None:
        scope.set("n", 1)
        inner = scope.with_locals(n=2).in_turn(3)
        assert (value(scope, "n"), value(inner, "n"), value(inner, "vars.n")) == (1, 2, 1)
        assert value(inner, "repeat.index") == 3
        assert value(scope, "call.state") == "active"
        assert set(scope.names) == {"n", *RESERVED} - {"repeat", "event"}
        with pytest.raises(Fault, match="`event` is not defined"):
            value(scope, "event.digit")

    in_scope(test)


def test_set_writes_a_local_name_where_there_is_one() -> None:
    """Inside a block, a name that came with `with` is changed for that run of the block only."""

    async def test(scope: Scope) -> None:
        scope.set("n", 1)
        inner = scope.in_block("b", {"n": 2})
        inner.set("n", 5)
        inner.set("m", 6)
        assert (value(inner, "n"), value(scope, "n"), value(scope, "m")) == (5, 1, 6)

    in_scope(test)


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_names_cannot_be_set(name: str) -> None:
    """A variable cannot have a reserved name."""

    async def test(scope: Scope) -> None:
        with pytest.raises(Fault, match="reserved"):
            scope.set(name, 1)

    in_scope(test)


def test_environment_is_what_was_given() -> None:
    """`env` knows nothing but what the run gives."""

    async def test(scope: Scope) -> None:
        assert value(scope, "env.A") == "1"
        with pytest.raises(Fault, match="there is no `PATH` in the environment in"):
            value(scope, "env.PATH")

    in_scope(test, env={"A": "1"})


def test_condition_must_be_true_or_false() -> None:
    """The texts true and false count as conditions, and nothing else does."""

    async def test(scope: Scope) -> None:
        condition = Expression("x", Mark("test", 1, 1))
        assert scope.holds(condition, x=True)
        assert not scope.holds(condition, x="false")
        with pytest.raises(Fault, match="true or false"):
            scope.holds(condition, x=1)

    in_scope(test)


@pytest.mark.parametrize("path", ["../x.wav", "a/../../x.wav", "/x.wav", "c:\\x.wav", "..\\x.wav", "link/x.wav", ""])
def test_output_stays_below_the_folder(tmp_path: Path, path: str) -> None:
    """No path leads out of the output folder, not even by a link in it."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "link").symlink_to(tmp_path)

    async def test(scope: Scope) -> None:
        with pytest.raises(Fault, match="leads out of the output folder"):
            scope.output(path)

    in_scope(test, out=tmp_path / "out")
    assert not (tmp_path / "x.wav").exists()


@pytest.mark.parametrize("path", ["events.jsonl", "./rx.wav", "TX.wav", "both.wav/a.wav", ".\\rx.wav", "rx.wav."])
def test_output_is_none_of_the_calls_own_files(tmp_path: Path, path: str) -> None:
    """What botkit itself writes for the call cannot be overwritten."""

    async def test(scope: Scope) -> None:
        with pytest.raises(Fault, match="botkit itself writes"):
            scope.output(path)
        assert scope.output("sub/rx.wav")

    in_scope(test, out=tmp_path)


def test_output_makes_its_folders(tmp_path: Path) -> None:
    """The folders on the way to an output file are made."""

    async def test(scope: Scope) -> None:
        assert scope.output("a/b/x.wav") == tmp_path / "a" / "b" / "x.wav"
        assert (tmp_path / "a" / "b").is_dir()

    in_scope(test, out=tmp_path)


def test_blocks_in_a_circle_are_stopped() -> None:
    """Blocks that run each other without end are a fault."""

    async def test(scope: Scope) -> None:
        for _ in range(50):
            scope = scope.in_block("b", {})
        with pytest.raises(Fault, match="in a circle"):
            scope.in_block("b", {})

    in_scope(test)

"""Commands as a user types them."""

from __future__ import annotations

from typing import NamedTuple

from typer.testing import CliRunner

from spacy_tagtog.cli import app


class Outcome(NamedTuple):
    """What a command left."""

    code: int
    out: str
    err: str


def run(*arguments: object, typed: str = "") -> Outcome:
    """Exit code, standard output and standard error; what isn't an exit is raised.

    Args:
        arguments: The command.
        typed: What the user types while it runs.
    """
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


def refused(*arguments: object) -> str:
    """The message of a command that ends with an error: 2 for wrong arguments, 1 for everything else."""
    code, _, err = run(*arguments)
    assert code in (1, 2), err
    assert err.startswith("✘ "), err
    return err


def assert_refused(outcome: Outcome, *pieces: str) -> None:
    """One clear message, on standard error, with everything that the user needs in it."""
    assert outcome.code in (1, 2), outcome
    assert outcome.err.startswith("✘ "), outcome.err
    assert "Traceback" not in outcome.err
    for piece in pieces:
        assert piece in outcome.err, f"{piece!r} is not in:\n{outcome.err}"

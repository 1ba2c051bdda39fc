"""Commands as a user types them."""

from __future__ import annotations

from typer.testing import CliRunner

from spacy_tagtog.cli import app


def run(*arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error; what isn't an exit is raised."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def refused(*arguments: object) -> str:
    """The message of a command that ends with an error."""
    code, _, err = run(*arguments)
    assert code == 1, err
    assert err.startswith("✘ "), err
    return err

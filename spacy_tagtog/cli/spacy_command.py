"""Makes every command available as ``python -m spacy tagtog …``.

spaCy imports this module (entry point group ``spacy_cli``) before it runs any of its own commands.
"""

from spacy.cli._util import app as spacy_app

from spacy_tagtog.cli import app

spacy_app.add_typer(app, name="tagtog")

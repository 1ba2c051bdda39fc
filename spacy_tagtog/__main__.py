"""``python -m spacy_tagtog`` is ``spacy-tagtog``."""

from spacy_tagtog.cli import main

if __name__ == "__main__":
    main()

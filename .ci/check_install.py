"""Import every module of the installed package, and load every entry point that it declares.

Run with ``-W error``.
"""

import importlib
import pkgutil
from importlib.metadata import distribution

import spacy_tagtog

modules = [module.name for module in pkgutil.walk_packages(spacy_tagtog.__path__, "spacy_tagtog.")]
for name in modules:
    importlib.import_module(name)

points = list(distribution("spacy-tagtog").entry_points)
for point in points:
    point.load()

print(f"{len(modules)} modules imported, {len(points)} entry points loaded")

"""One look for every HTML page: the shared templates and the style sheet."""

from __future__ import annotations

import re

import pytest

from spacy_tagtog._pages.templates import style_sheet, templates_of

LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", style_sheet(), re.S)
)
PALETTES = {"light": LIGHT, "dark": {**LIGHT, **DARK}}
TEXTS = ["ink", "soft", "link", "good", "warn", "bad"]
LINES = [f"type-{number}" for number in range(12)]


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour, WCAG 2.2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
def test_colours_have_the_contrast_of_level_aa(palette: dict[str, str]) -> None:
    for ground in ("page", "card"):
        assert {
            name: contrast(palette[name], palette[ground])
            for name in TEXTS
            if contrast(palette[name], palette[ground]) < 4.5
        } == {}
        assert {
            name: contrast(palette[name], palette[ground])
            for name in LINES
            if contrast(palette[name], palette[ground]) < 3
        } == {}
    assert contrast(palette["ink"], palette["mark"]) >= 4.5


def test_every_colour_is_in_the_palette() -> None:
    rules = re.sub(r":root \{.*?\}|@media print \{.*", "", style_sheet(), flags=re.S)
    assert re.findall(r"#[0-9a-f]{3,8}\b|rgb\(|hsl\(", rules) == []
    used = set(re.findall(r"var\(--([\w-]+)\)", style_sheet()))
    assert used - set(LIGHT) == {"c"}
    assert set(LIGHT) - used == set()


@pytest.mark.parametrize(
    ("package", "template"), [("convert", "report.html.j2"), ("selection", "simulation.html.j2")]
)
def test_reports_extend_the_base(package: str, template: str) -> None:
    environment = templates_of(f"spacy_tagtog.{package}")
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, template)
    assert source.startswith('{% extends "base.html.j2" %}')
    assert "<style" not in source


def test_a_page_is_one_file_and_escapes_what_it_shows() -> None:
    environment = templates_of("spacy_tagtog.convert")
    blocks = {"title": "{{ title }}", "content": '{{ 2 | counted("star") }}'}
    filled = "".join(f"{{% block {name} %}}{text}{{% endblock %}}" for name, text in blocks.items())
    page = environment.from_string('{% extends "base.html.j2" %}' + filled).render(title="<b>Vega</b>")
    assert page.startswith("<!DOCTYPE html>\n")
    assert page.count("&lt;b&gt;Vega&lt;/b&gt;") == 2
    assert style_sheet() in page
    assert "2 stars" in page
    assert "<" not in style_sheet()
    assert not re.search("<script|<link|url\\(|@import", page)

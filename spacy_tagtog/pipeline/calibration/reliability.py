"""The reliability diagram: mean probability against the share of right predictions, as an SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from spacy_tagtog._plural import counted
from spacy_tagtog.pipeline.calibration.figures import BINS, CalibrationFigures

_SIZE, _MARGIN, _GAP = 260, 46, 24


def reliability_svg(diagrams: Mapping[str, CalibrationFigures]) -> str:
    """Draw diagrams side by side.

    There is one dot per bin: to the right the mean probability, upwards the share of right predictions. Its
    area grows with the number of predictions. Dots on the diagonal are calibrated, dots below it are too
    sure. The bins and the sources of the figures are those of
    :class:`~spacy_tagtog.pipeline.calibration.figures.CalibrationFigures`.

    Args:
        diagrams: Figures by caption.

    Returns:
        An SVG document.
    """
    width = max(1, len(diagrams)) * (_SIZE + _MARGIN + _GAP)
    height = _SIZE + 2 * _MARGIN + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="Reliability diagram">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (caption, figures) in enumerate(diagrams.items()):
        lines += _diagram(caption, figures, number * (_SIZE + _MARGIN + _GAP) + _MARGIN, _MARGIN)
    return "\n".join([*lines, "</svg>"]) + "\n"


def _diagram(caption: str, figures: CalibrationFigures, left: int, top: int) -> list[str]:
    auroc = "" if figures.auroc is None else f", AUROC {figures.auroc:.3f}"
    text = f"n {figures.n}, ECE {100 * figures.ece:.1f} %, Brier {figures.brier:.3f}{auroc}"
    middle = 'text-anchor="middle"'
    lines = [
        f'<text x="{left}" y="{top - 24}" font-weight="bold">{escape(caption)}</text>',
        f'<text x="{left}" y="{top - 8}" font-size="11" fill="#444">{escape(text)}</text>',
        f'<rect x="{left}" y="{top}" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#888"/>',
        f'<path d="M{left} {top + _SIZE}L{left + _SIZE} {top}" stroke="#999" stroke-dasharray="4 4"/>',
    ]
    for tick in (0.0, 0.5, 1.0):
        x, y = left + tick * _SIZE, top + _SIZE * (1 - tick) + 4
        lines += [
            f'<text x="{x:.0f}" y="{top + _SIZE + 16}" {middle}>{tick:g}</text>',
            f'<text x="{left - 6}" y="{y:.0f}" text-anchor="end">{tick:g}</text>',
        ]
    x, y = left + _SIZE / 2, top + _SIZE / 2
    turned = f"translate({left - 30} {y:.0f}) rotate(-90)"
    lines += [
        f'<text x="{x:.0f}" y="{top + _SIZE + 34}" {middle}>mean probability ({BINS} bins)</text>',
        f'<text transform="{turned}" {middle}>share of right predictions</text>',
    ]
    largest = max((size for _, _, size in figures.bins), default=1)
    for mean, share, size in figures.bins:
        radius = 2.5 + 8 * (size / largest) ** 0.5
        place = f'cx="{left + mean * _SIZE:.1f}" cy="{top + _SIZE * (1 - share):.1f}"'
        title = f"{counted(size, 'prediction')}: mean probability {mean:.3f}, right {share:.3f}"
        dot = f'<circle {place} r="{radius:.1f}" fill="#2166ac" fill-opacity="0.7">'
        lines.append(f"{dot}<title>{title}</title></circle>")
    return lines

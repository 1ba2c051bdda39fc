"""The reliability diagram: mean probability against the share of right predictions, as an SVG."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from spacy_tagtog._plural import counted
from spacy_tagtog.pipeline.calibration.calibrators import BINS, CalibrationFigures

_SIZE, _MARGIN, _GAP = 260, 46, 24


def reliability_svg(diagrams: Mapping[str, CalibrationFigures]) -> str:
    """Draw one diagram beside the other.

    A dot a bin: to the right the mean probability, upwards the share of right predictions; its area grows with the number of predictions.
    Dots on the diagonal are calibrated, below it too sure. The bin scheme and the sources of the figures are those of
    :class:`spacy_tagtog.pipeline.calibration.calibrators.CalibrationFigures`.

    Args:
        diagrams: Figures by caption.

    Returns:
        An SVG document.
    """
    width = max(1, len(diagrams)) * (_SIZE + _MARGIN + _GAP)
    height = _SIZE + 2 * _MARGIN + 16
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img" aria-label="Reliability diagram">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (caption, figures) in enumerate(diagrams.items()):
        left, top = number * (_SIZE + _MARGIN + _GAP) + _MARGIN, _MARGIN
        auroc = "" if figures.auroc is None else f", AUROC {figures.auroc:.3f}"
        text = f"n {figures.n}, ECE {100 * figures.ece:.1f} %, Brier {figures.brier:.3f}{auroc}"
        lines += [
            f'<text x="{left}" y="{top - 24}" font-weight="bold">{escape(caption)}</text>',
            f'<text x="{left}" y="{top - 8}" font-size="11" fill="#444">{escape(text)}</text>',
            f'<rect x="{left}" y="{top}" width="{_SIZE}" height="{_SIZE}" fill="none" stroke="#888"/>',
            f'<path d="M{left} {top + _SIZE}L{left + _SIZE} {top}" stroke="#999" stroke-dasharray="4 4"/>',
        ]
        for tick in (0.0, 0.5, 1.0):
            lines.append(
                f'<text x="{left + tick * _SIZE:.0f}" y="{top + _SIZE + 16}" text-anchor="middle">{tick:g}</text>'
            )
            lines.append(
                f'<text x="{left - 6}" y="{top + _SIZE * (1 - tick) + 4:.0f}" text-anchor="end">{tick:g}</text>'
            )
        lines.append(
            f'<text x="{left + _SIZE / 2:.0f}" y="{top + _SIZE + 34}" text-anchor="middle">mean probability ({BINS} bins)</text>'
        )
        middle = top + _SIZE / 2
        lines.append(
            f'<text transform="translate({left - 30} {middle:.0f}) rotate(-90)" text-anchor="middle">share of right predictions</text>'
        )
        largest = max((size for _, _, size in figures.bins), default=1)
        for mean, share, size in figures.bins:
            radius = 2.5 + 8 * (size / largest) ** 0.5
            place = f'cx="{left + mean * _SIZE:.1f}" cy="{top + _SIZE * (1 - share):.1f}"'
            title = f"<title>{counted(round(size), 'prediction')}: mean probability {mean:.3f}, right {share:.3f}</title>"
            lines.append(
                f'<circle {place} r="{radius:.1f}" fill="#2166ac" fill-opacity="0.7">{title}</circle>'
            )
    return "\n".join([*lines, "</svg>"]) + "\n"

"""The house style: fonts, sizes, colours that colour-blind readers can tell apart, and saving.

Colours are Okabe and Ito's; whatever a colour says is also said by shape, width or words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from reformeval.artefacts import atomically

WIDTH = 9.6
DPI = 150

INK = "#222222"
MUTED = "#5f5f5f"
DONOR = "#bdbdbd"
SHADE = "#f0e9d6"
DROPPED = "#e6e6e6"
TREATED = "#D55E00"
CONTRAST = "#0072B2"
BAND = "#0072B2"
TRUTH = "#000000"
ESTIMATORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#8c6d31")
MARKERS = ("o", "s", "^", "D", "v", "P")

RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "regular",
    "axes.titlelocation": "left",
    "axes.titlepad": 5.0,
    "axes.edgecolor": "#8a8a8a",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.unicode_minus": True,
    "axes.axisbelow": True,
    "text.color": INK,
    "text.parse_math": False,  # a dollar sign in a label is a dollar sign
    "xtick.color": "#8a8a8a",
    "ytick.color": "#8a8a8a",
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.solid_capstyle": "butt",
    "hatch.linewidth": 0.5,
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "pdf.fonttype": 3,  # Type 42 needs a font subset for every file: twice the time
    "pdf.compression": 6,
    "svg.hashsalt": "reformeval",
}


def context() -> Any:
    """Return matplotlib's default settings with the house style on top, whatever the user's are."""
    return mpl.rc_context(_DEFAULTS | RC)  # type: ignore[arg-type]


_DEFAULTS: dict[str, Any] = {
    str(key): value
    for key, value in mpl.rcParamsDefault.items()
    if not key.startswith(("backend", "toolbar", "interactive", "webagg", "keymap"))
}


def save(figure: Figure, stem: Path) -> None:
    """Write ``<stem>.png`` and ``<stem>.pdf``; the same figure always gives the same bytes.

    The PNG has a palette of 128 colours, which the style never exhausts: a report with every
    figure in it stays small.
    """
    with context():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())[:, :, :3]  # type: ignore[no-untyped-call]
        image = _with_palette(pixels)
        atomically(
            stem.with_name(stem.name + ".png"),
            lambda path: image.save(path, format="PNG", dpi=(DPI, DPI), compress_level=6),
        )
        atomically(
            stem.with_name(stem.name + ".pdf"),
            lambda path: figure.savefig(
                path,
                format="pdf",
                metadata={"CreationDate": None, "Producer": None, "Creator": None},
            ),
        )


def _with_palette(pixels: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(pixels)).quantize(
        128, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    # The palette holds means of nearby colours: the paper must stay white.
    palette = image.getpalette() or []
    paper = int(np.asarray(image)[0, 0])
    palette[3 * paper : 3 * paper + 3] = [255, 255, 255]
    image.putpalette(palette)
    return image

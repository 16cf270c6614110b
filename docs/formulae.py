"""Sphinx extension: formulae as drawings in the page, which need neither network nor script."""

from functools import cache
from html import escape

from docutils import nodes
from matplotlib import rc_context
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser
from matplotlib.path import Path
from matplotlib.textpath import TextPath
from sphinx.application import Sphinx

_SIZE = 100
_LETTERS = {
    Path.MOVETO: "M",
    Path.LINETO: "L",
    Path.CURVE3: "Q",
    Path.CURVE4: "C",
    Path.CLOSEPOLY: "Z",
}


@cache
def draw(tex: str) -> str:
    """Return a formula as SVG in the colour and size of the text around it."""
    text = f"${' '.join(tex.split())}$"
    with rc_context({"mathtext.fontset": "stix"}):
        font = FontProperties(size=_SIZE)
        width, height, depth, *_ = MathTextParser("path").parse(text, dpi=72, prop=font)
        outline = TextPath((0, 0), text, prop=font)
    steps = (
        _LETTERS[code] + ("" if code == Path.CLOSEPOLY else " ".join(f"{v:.0f}" for v in points))
        for points, code in outline.iter_segments(simplify=False, curves=True)
    )
    style = f"width:{width / _SIZE:.3f}em;height:{height / _SIZE:.3f}em"
    style += f";vertical-align:{-depth / _SIZE:.3f}em"
    return (
        f'<svg role="img" aria-label="{escape(tex)}" style="{style}" overflow="visible" '
        f'viewBox="0 {depth - height:.0f} {width:.0f} {height:.0f}">'
        f'<path transform="scale(1 -1)" fill="currentColor" d="{"".join(steps)}"/></svg>'
    )


def _inline(self, node):
    self.body.append(f'<span class="math">{draw(node.astext())}</span>')
    raise nodes.SkipNode


def _block(self, node):
    self.body.append(f'<div class="math">{draw(node.astext())}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Make this the way in which formulae are shown."""
    app.add_html_math_renderer(
        "drawn", inline_renderers=(_inline, None), block_renderers=(_block, None)
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}

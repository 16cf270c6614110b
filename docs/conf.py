"""Sphinx configuration."""

import sys
from pathlib import Path

from scalelaw import __version__

sys.path.insert(0, str(Path(__file__).parent))

project = "scalelaw"
author = "The scalelaw authors"
copyright = "2026, the scalelaw authors"
release = version = __version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "formulae"]
html_math_renderer = "drawn"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "show_toc_level": 2,
    # All pages under their captions stand at the side instead.
    "navbar_center": [],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
templates_path = ["_templates"]
html_sidebars = {"**": ["all-pages"]}
html_title = "scalelaw"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
# Methods stand on their class's page.
numpydoc_show_class_members = False
autodoc_typehints = "none"
suppress_warnings = ["myst.xref_missing"]

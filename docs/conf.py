"""Sphinx configuration."""

from scalelaw import __version__

project = "scalelaw"
author = "The scalelaw authors"
copyright = "2026, the scalelaw authors"
release = version = __version__
extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.mathjax"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2}
html_title = "scalelaw"
# Methods stand on their class's page.
numpydoc_show_class_members = False
autodoc_typehints = "none"
suppress_warnings = ["myst.xref_missing"]

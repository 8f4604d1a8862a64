"""How Sphinx builds this site: `python -m sphinx -W docs OUT`, which needs no network, and nor does a reader."""

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fertools
from docs.site import commands, datasets, names, pictures

project = "fertools"
author = "the fertools contributors"
release = fertools.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["site"]

html_theme = "furo"
html_title = f"fertools {release}"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False

# Links to headings are checked as GitHub makes their anchors, so that a page reads well in both places.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "fieldlist"]
# The examples of commands are indented blocks, and not Python.
highlight_language = "text"
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_use_rtype = False
# Attributes stand once, in the list of their class.
napoleon_use_ivar = True
napoleon_custom_sections = [("Source", "notes_style")]
# fertools offers its names lazily, and Sphinx would otherwise name a function by the module that it is defined in.
add_module_names = False


def write_generated(app: Sphinx, page: str, text: list[str]) -> None:
    """Put what is generated from the code in the place of its mark on a page."""
    for module in (commands, datasets, names):
        if module.MARK in text[0]:
            text[0] = text[0].replace(module.MARK, module.render())


def skip_fields(app: Sphinx, kind: str, name: str, member: object, skip: bool, options: object) -> bool | None:
    """Leave out fields of named tuples, which only say "Alias for field number 0"; their class explains them."""
    return True if type(member).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> None:
    """Draw the pictures before pages are read, and write the references while they are."""
    app.connect("builder-inited", lambda app: pictures.draw(Path(app.srcdir) / "pictures"))
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("source-read", write_generated)

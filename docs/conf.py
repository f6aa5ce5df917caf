"""The website: `sphinx-build -W -b html docs docs/_build/html`. No notebook is run: pages hold what is committed.

What is not written here is made from the repository before the build (pages/sources.py), and lies in folders that git
ignores. Nothing on a page asks another host for anything: MathJax comes with sphinx-mathjax-offline.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT), str(ROOT / "lessons")]

import nodekit  # noqa: E402

project = "Neural ODEs, built and understood"
author = copyright = "The nodekit developers"
release = nodekit.__version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_copybutton",
    "pages",
]
exclude_patterns = ["_build", "templates", "pages"]

nb_execution_mode = "off"
nb_ipywidgets_js = {}  # a page has no kernel, and asks no other host for the scripts of widgets
myst_enable_extensions = ["dollarmath", "amsmath", "attrs_block", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]

napoleon_google_docstring = False
napoleon_use_param = False  # types are words here, no names to link
napoleon_use_rtype = False
autodoc_typehints = "none"  # they stand in the signature
autodoc_inherit_docstrings = False  # what torch says of its own
autodoc_member_order = "bysource"

html_theme = "sphinx_book_theme"  # the whole course stands in its sidebar
html_title = "Neural ODEs"
html_static_path = ["static", str(Path(find_spec("sphinx-mathjax-offline").origin).parent / "static")]
mathjax_path = "mathjax/tex-chtml.js"
html_theme_options = {
    "show_navbar_depth": 1,
    "home_page_in_toc": True,
    "use_download_button": True,
    "navbar_persistent": [],  # the search stands in the sidebar
}

# Where it is built by a repository's own workflow, a page leads to Binder (and a lesson to Colab: pages/notebook.py).
if repository := os.environ.get("GITHUB_REPOSITORY"):
    html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": "main",
        "path_to_docs": "",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        },
    }

"""Is everything here that the lessons need? `check()` prints a table, and what to type where it is not.

The wanted versions are nodekit's own, as its installer noted them, so that they are written only once: in
pyproject.toml. Nothing but Python itself is imported, as any of the others may be what is missing, nodekit too: that
is why it stands here, beside the lessons. Used in lesson 00.
"""

import importlib
import importlib.metadata
import re
import sys

__all__ = ["check"]

NEEDED = ["numpy", "autograd", "matplotlib", "ipywidgets", "jupyterlab", "scikit-learn", "tqdm"]
NOT_INSTALLED = (
    "nodekit itself is not installed. In your clone of the course type: python -m pip install -e .\n"
    'Without a clone: python -m pip install "nodekit-course[lab]"'
)


def check():
    """Print what is installed, what is wanted, and for whatever does not fit the line that mends it."""
    try:
        wanted = _wanted()
    except importlib.metadata.PackageNotFoundError:
        print(NOT_INSTALLED)
        return
    rows, mend = [("", "installed", "wanted", "")], []
    for name in ["Python", *NEEDED, "torch"]:
        version, verdict = _verdict(name, wanted[name])
        rows.append((name, version or "-", wanted[name], verdict))
        if verdict != "ok" and name in NEEDED:
            mend.append(f'%pip install "{name}{wanted[name]}"')
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print()
    print(_torch(wanted["torch"]))
    print(_sliders(wanted["ipywidgets"]))
    if _verdict("Python", wanted["Python"])[1] != "ok":
        print(f"Python itself is too old: install Python {wanted['Python']}, and the course with it again.")
    if mend:
        print("To mend the rest, type this in a cell, run it, then restart the kernel:")
        print("\n".join(f"    {line}" for line in mend))


def _wanted():
    """The range of versions for each name, from the metadata of the installed nodekit."""
    wanted = {"Python": importlib.metadata.metadata("nodekit-course")["Requires-Python"]}
    for requirement in importlib.metadata.requires("nodekit-course"):
        name, versions = re.match(r"([\w.-]+)\s*([^;]*)", requirement).groups()
        wanted[name] = ",".join(sorted(versions.strip().split(","), reverse=True))  # ">=2.0,<3"
    return wanted


def _verdict(name, versions):
    """(installed version or None, verdict)."""
    if name == "Python":
        installed = ".".join(map(str, sys.version_info[:3]))
    else:
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None, "missing"
    for sign, bound in re.findall(r"(>=|<)([\d.]+)", versions):
        if sign == ">=" and _numbers(installed) < _numbers(bound):
            return installed, "too old"
        if sign == "<" and _numbers(installed) >= _numbers(bound):
            return installed, "too new"
    return installed, "ok"


def _numbers(version):
    """(2, 10, 0) for "2.10.0+cpu" and for "2.10"; a release candidate counts as its release."""
    numbers = [int(number) for number in re.match(r"\d+(\.\d+)*", version).group().split(".")]
    return tuple(numbers + [0] * (4 - len(numbers)))


def _torch(versions):
    if _verdict("torch", versions)[1] != "ok":
        return (
            "PyTorch: no. Lessons whose card names NumPy alone run without it. For the others type in a cell, and "
            f'restart the kernel:\n    %pip install "torch{versions}"'
        )
    try:
        gpu = importlib.import_module("torch").cuda.is_available()
    except Exception as error:  # a broken installation raises OSError, ImportError or what its libraries do
        return f"PyTorch: installed, but it does not start ({type(error).__name__}). Install it again."
    return f"PyTorch: yes. GPU: {'yes, as device cuda' if gpu else 'no, and no lesson needs one'}."


def _sliders(versions):
    if _verdict("ipywidgets", versions)[1] != "ok":
        return "Sliders: no, they need ipywidgets. The figures still show as pictures."
    in_jupyterlab = _verdict("jupyterlab", "")[0] is not None
    if in_jupyterlab and _verdict("jupyterlab_widgets", "")[0] is None:
        return "Sliders: no, JupyterLab lacks its half. In a cell: %pip install jupyterlab_widgets, and start it again."
    if not _in_notebook():
        return "Sliders: yes, in a notebook; this is none."
    return "Sliders: yes. If a figure with sliders stays empty, save the notebook and reload the page."


def _in_notebook():
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")

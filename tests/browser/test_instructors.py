"""The page for instructors in JupyterLab's preview: its map is a picture."""

import pytest

from tests.lessons import pack

OPEN = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const shown = {path: 'INSTRUCTORS.md', factory: 'Markdown Preview'};
    const widget = await app.commands.execute('docmanager:open', shown);
    await widget.context.ready;
    app.shell.activateById(widget.id);
}"""


@pytest.mark.slow(seconds=60)
def test_the_map_is_drawn(lab):
    """Mermaid takes what pack.py writes: an image as wide as a map is, with every lesson and homework in it."""
    page = lab.browser.new_page(viewport={"width": 1280, "height": 1000})
    try:
        page.set_default_timeout(30_000)
        page.goto(f"{lab.url}/lab/workspaces/map?token={lab.token}")
        page.wait_for_function("() => window.jupyterapp")
        page.evaluate(OPEN)
        picture = page.locator(".jp-RenderedMermaid img")
        picture.wait_for()
        box = picture.bounding_box()
        assert box["width"] > 600
        assert box["height"] > 150
        drawn = page.evaluate("async link => await (await fetch(link)).text()", picture.get_attribute("src"))
        for node in [number for number in pack.LESSONS if number != "00"] + list(pack.assignments()):
            assert f"{node} " in drawn, node
    finally:
        page.close()

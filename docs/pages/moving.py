"""The moving picture of the README: the first figure with sliders of a lesson's page, its first slider led up and down.

python docs/pages/moving.py docs/_build/html 03_solvers lessons/images/signature_slider.webp
"""

import argparse
import io
from pathlib import Path

from pdf import served
from PIL import Image
from playwright.sync_api import sync_playwright

MILLISECONDS = 200  # how long each place of the slider stands there


def filmed(page):
    """The figure at each place of its first slider, up and down again, as pictures."""
    figure = page.locator(".course-frames").first
    figure.scroll_into_view_if_needed()
    figure.locator(".course-over > *").first.wait_for()
    slider = figure.locator("input[type=range]").first
    places = range(0, int(slider.get_attribute("max")) + 1)
    for place in [*places, *reversed(places)]:
        slider.evaluate("(slider, place) => { slider.value = place; slider.dispatchEvent(new Event('input')); }", place)
        page.wait_for_timeout(50)
        yield Image.open(io.BytesIO(figure.screenshot())).convert("RGB")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path)
    parser.add_argument("lesson")
    parser.add_argument("picture", type=Path)
    parser.add_argument("--browser", help="Chromium's path, where playwright does not find its own")
    arguments = parser.parse_args()
    with sync_playwright() as playwright, served(arguments.site) as address:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 900}, color_scheme="light")
        page.goto(f"{address}/lessons/{arguments.lesson}.html")
        page.add_style_tag(content=".course-controls p { display: none; }")
        first, *others = filmed(page)
        browser.close()
    first.save(arguments.picture, save_all=True, append_images=others, duration=MILLISECONDS, loop=0, quality=70)


if __name__ == "__main__":
    main()

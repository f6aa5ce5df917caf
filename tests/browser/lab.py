"""A JupyterLab server on a copy of a folder of notebooks, and a headless Chromium that looks at it.

    with Lab(folder) as lab, lab.open("03_solvers.ipynb") as notebook:
        notebook.run_all()
        figure = notebook.explorers()[0]

Every wait has a limit, so that nothing can hang.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

INSTALL = (
    "needs Chromium on the PATH: apt-get install -y --no-install-recommends chromium fonts-dejavu-core "
    "(Debian), or your system's package of it"
)
STEP = 30  # seconds that a single action in the page may take
SETTINGS = {
    # A question about news covers the page; cells that are off screen are otherwise not rendered.
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


def chromium():
    """The path of the browser, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Lab(contextlib.ExitStack):
    """The server and the browser, from `with` to its end."""

    def __init__(self, folder):
        super().__init__()
        self.folder = Path(folder)

    def __enter__(self):
        super().__enter__()
        try:
            self._start_server()
            playwright = self.enter_context(sync_playwright())
            arguments = ["--disable-dev-shm-usage"]
            self.browser = playwright.chromium.launch(
                executable_path=chromium(), args=arguments, timeout=STEP * 1000, chromium_sandbox=False
            )
            self.callback(self.browser.close)
        except BaseException:
            self.close()
            raise
        return self

    def _start_server(self):
        private = Path(self.enter_context(tempfile.TemporaryDirectory(prefix="lab-", ignore_cleanup_errors=True)))
        # A copy: JupyterLab saves what it shows.
        self.work = private / "work"
        shutil.copytree(self.folder, self.work, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        for name, values in SETTINGS.items():
            path = private / "settings" / f"{name}.jupyterlab-settings"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        token = secrets.token_hex(16)
        self.url, self.token = f"http://127.0.0.1:{port}", token
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
        command += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", "--allow-root"]
        command += [f"--ServerApp.root_dir={self.work}", "--expose-app-in-browser"]
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        environment = os.environ | {variable: str(private / name) for variable, name in folders.items()}
        log = self.enter_context(open(private / "log", "w+"))
        server = subprocess.Popen(command, env=environment, cwd=private, stdout=log, stderr=log, start_new_session=True)
        self.callback(_stop, server)
        deadline = time.monotonic() + 2 * STEP
        while not self._answers():
            if server.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise RuntimeError(f"JupyterLab did not start:\n{log.read()[-3000:]}")
            time.sleep(0.2)

    def _answers(self):
        try:
            with urllib.request.urlopen(f"{self.url}/api/status?token={self.token}", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False

    @contextlib.contextmanager
    def open(self, name, kernel=True):
        """The notebook `name`, in a page of its own with a fresh kernel, or with none."""
        page = self.browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(STEP * 1000)
        try:
            workspace = secrets.token_hex(4)  # or a page would open what the last one had open
            page.goto(f"{self.url}/lab/workspaces/{workspace}?token={self.token}")
            page.wait_for_function("() => window.jupyterapp")
            notebook = Notebook(page)
            notebook.js(
                """async ([name, kernel]) => {
                    const app = window.jupyterapp;
                    await app.restored;
                    const options = kernel ? {path: name} : {path: name, kernel: {shouldStart: false}};
                    const panel = window.panel = await app.commands.execute('docmanager:open', options);
                    await panel.context.ready;
                    if (kernel) await panel.sessionContext.ready;
                    await panel.revealed;
                    app.shell.collapseLeft();
                    app.shell.activateById(panel.id);
                }""",
                [name, kernel],
                seconds=2 * STEP,
            )
            yield notebook
            if kernel:
                notebook.js("() => window.panel.sessionContext.shutdown()")
        finally:
            page.close()


def _stop(server):
    """End the server and its kernels, which are all in its session."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(timeout=10)


class Notebook:
    """An open notebook. `.page` is Playwright's page."""

    def __init__(self, page):
        self.page = page

    def js(self, function, argument=None, seconds=STEP):
        """What the JavaScript function returns. Playwright itself puts no limit on this."""
        race = f"""([argument, seconds]) => Promise.race([
            ({function})(argument),
            new Promise((_, fail) => setTimeout(() => fail(new Error('no answer in time')), 1000 * seconds)),
        ])"""
        return self.page.evaluate(race, [argument, seconds])

    def run_all(self, seconds=180):
        """Run every cell; raise AssertionError with the first error output, if there is one."""
        self.js("() => window.jupyterapp.commands.execute('notebook:run-all-cells')", seconds=seconds)
        cells = self.js("() => window.panel.content.model.toJSON().cells.filter(c => c.cell_type === 'code')")
        for number, cell in enumerate(cells, start=1):
            for output in cell["outputs"]:
                if output["output_type"] == "error":
                    raise AssertionError(f"code cell {number}: {output['ename']}: {output['evalue']}")
        not_run = [number for number, cell in enumerate(cells, start=1) if cell["execution_count"] is None]
        assert not not_run, f"code cells {not_run} were not run"
        return cells

    def python(self, expression, seconds=STEP):
        """The repr of a Python expression, evaluated in the kernel beside the notebook."""
        code = f"print(repr({expression}))"
        return self.js(
            """async code => {
                let text = '';
                const future = window.panel.sessionContext.session.kernel.requestExecute({code, store_history: false});
                future.onIOPub = ({header, content}) => {
                    if (header.msg_type === 'stream') text += content.text;
                    if (header.msg_type === 'error') text += content.ename + ': ' + content.evalue;
                };
                await future.done;
                return text.trim();
            }""",
            code,
            seconds,
        )

    def pictures(self):
        """The still figures, as Playwright locators."""
        return self.page.locator(".jp-OutputArea-output.jp-RenderedImage img, .jp-RenderedImage img").all()

    def explorers(self):
        """The figures with sliders, in order."""
        found = self.page.locator(".nodekit-explorer")
        if found.count():
            found.last.locator("img").wait_for()
        return [Figure(self.page, each) for each in found.all()]


class Figure:
    """A figure with sliders, found by its labels as a student finds it."""

    def __init__(self, page, locator):
        self.page, self.locator = page, locator
        self.image = locator.locator("img")

    @property
    def source(self):
        return self.image.get_attribute("src")

    @property
    def error(self):
        """The error shown below the figure, or an empty string."""
        return " ".join(self.locator.locator(".nodekit-error").all_text_contents())

    def labels(self):
        return [label for label in self.locator.locator(".widget-label").all_text_contents() if label]

    def sliders(self):
        return self.locator.locator(".widget-slider .widget-label").all_text_contents()

    def control(self, label, kind="slider"):
        quoted = json.dumps(label, ensure_ascii=False)
        return self.locator.locator(f".widget-{kind}:has(.widget-label:text-is({quoted}))")

    def handle(self, label):
        return self.control(label).locator(".noUi-handle")

    def box(self, label):
        """The box beside the slider, with its number."""
        return self.control(label).locator("xpath=..").locator("input[type=number]")

    def type(self, label, value):
        """Type a value into the box beside a slider, or choose it in a list."""
        if self.control(label, "dropdown").count():
            self.control(label, "dropdown").locator("select").select_option(label=str(value))
            return
        if not self.control(label).count():
            raise LookupError(f"no control is labelled {label!r}; there are {self.labels()}")
        self.box(label).fill(str(value))
        self.box(label).press("Enter")

    def drag(self, label, share):
        """Drag the handle with the mouse by a share of the slider's length, to the right if positive."""
        self.handle(label).scroll_into_view_if_needed()
        box, track = self.handle(label).bounding_box(), self.control(label).locator(".noUi-base").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + share * track["width"], y, steps=8)
        self.page.mouse.up()

    def changed_from(self, source, seconds=STEP):
        """Wait until the picture is another one than `source`; returns its address in the page."""
        self.page.wait_for_function(
            "([image, source]) => image.src !== source && image.complete && image.naturalWidth > 0",
            arg=[self.image.element_handle(), source],
            timeout=seconds * 1000,
        )
        return self.source

    def settle(self, quiet=0.5, seconds=STEP):
        """Wait until the picture has stayed the same for `quiet` seconds."""
        source, since, deadline = self.source, time.monotonic(), time.monotonic() + seconds
        while time.monotonic() - since < quiet and time.monotonic() < deadline:
            self.page.wait_for_timeout(50)
            if self.source != source:
                source, since = self.source, time.monotonic()
        return source

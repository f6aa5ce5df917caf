"""A kernel for students' code: nbgrader's Execute, in a box, with limits on computing, memory, files and output."""

import signal
import sys
import threading
import time
from pathlib import Path

import psutil
from contained import MEGABYTE, computed, end, family, filled, memory, prefix, variables
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader.preprocessors import Execute

WAIT = 4  # times a limit on computing may pass by the clock: other things run on the machine as well
PROCESSES = 64  # of one submission
GRACE = 10.0  # seconds for a cell to end once it was interrupted
# Limits of the kernel's process, set before anything of the student's runs; then ipykernel as usual. In the address
# space there are the libraries of torch too, which are mapped and no memory: they come on top.
LAUNCH = """
import os, runpy, sys
memory, seconds = int(sys.argv.pop(1)), int(sys.argv.pop(1))
import resource
for name, most in (("DATA", memory), ("AS", memory + 8 * 10**9), ("FSIZE", 10**8), ("CORE", 0), ("CPU", seconds)):
    try:
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (most, most))
    except (ValueError, OSError):
        pass  # macOS has not all of them
if os.getppid() == 1:  # in the box, where ipykernel would take that for the end of its parent
    os.environ["JPY_PARENT_PID"] = "1"
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""


class Limited(Execute):
    """nbgrader's Execute with limits. Where a kernel dies, what came before it stays.

    limits: dict with memory_gb, cell_seconds, notebook_seconds; seconds are of computing, and WAIT times as many by the
    clock. box: its folder. contained: whether there is bubblewrap. environment: what the kernel gets beside that.
    events: list of str, filled with what happened.
    """

    def __init__(self, limits, box, contained, environment):
        super().__init__()
        self.limits, self.box, self.contained = limits, Path(box), contained
        self.environment = variables(box, contained) | environment
        self.events, self.over = [], False
        self.iopub_timeout, self.shutdown_kernel = 6, "immediate"
        self.printed, self.watch = 0, None

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        numbers = [int(self.limits["memory_gb"] * 1e9), int(self.limits["notebook_seconds"]) + 60]
        argv = [*(prefix(self.box) if self.contained else ()), sys.executable, "-c", LAUNCH, *map(str, numbers)]
        argv += ["-f", "{connection_file}"]
        manager._kernel_spec = KernelSpec(argv=argv, display_name="limited", language="python")
        manager.transport, manager.ip = "ipc", str(self.box / "k")  # sockets in the folder: there is no network
        manager.connection_file = str(self.box / "k.json")
        return manager

    def start_new_kernel(self, **options):
        super().start_new_kernel(env=self.environment, **options | {"cwd": str(self.box / "work")})
        self.watch = Watch(psutil.Process(self.km.provisioner.pid), self.limits, self.box)
        self.watch.start()

    def preprocess(self, nb, resources=None, km=None):
        try:
            return super().preprocess(nb, resources, km)
        finally:
            if self.watch:
                self.watch.stop()
            end([self.watch.root] if self.watch else [])  # processes that the student's code left behind

    def _get_timeout(self, cell):
        return None  # the watch does it

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type != "code" or self.over:
            return cell, resources
        self.printed, where = 0, f"cell {index + 1}"
        self.watch.begin()
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            self._stop(f"the kernel died in {where}{self.watch.said}")
        except CellTimeoutError:
            self._stop(f"what {where} put out did not come to an end")
        except Exception as error:  # a message that is none, say
            self._stop(f"{where} could not be run ({type(error).__name__})")
        if self.printed > 5 * MEGABYTE:
            self.events.append(f"{where} put out more than 5 MB, and the rest was dropped")
        if self.watch.why and not self.over:
            self.events.append(f"{where} was stopped{self.watch.said}")
        if self.watch.spent and not self.over:
            self._stop(f"the notebook computed for more than {self.limits['notebook_seconds']:g} s, or waited")
        self.watch.pause()
        return cell, resources

    def _stop(self, why):
        """Run nothing more."""
        self.over = True
        self.events.append(f"{why}; nothing after it was run")

    def output(self, outs, msg, display_id, cell_index):
        self.printed += len(str(msg["content"]))
        if self.printed > 5 * MEGABYTE:
            return None  # a loop that prints must not fill the memory of the one who grades
        return super().output(outs, msg, display_id, cell_index)


class Watch(threading.Thread):
    """Looks four times a second at what a kernel and its children use; interrupts a cell, or kills them all.

    why: words of what was over its limit in this cell. spent: whether the notebook's time is.
    """

    def __init__(self, root, limits, box):
        super().__init__(daemon=True)
        self.root, self.limits, self.box = root, limits, box
        self.ended, self.why, self.spent, self.at, self.killed = threading.Event(), "", False, None, False
        self.since = time.monotonic()

    @property
    def said(self):
        """' after 60 s of computing', ' and could not be interrupted', or nothing."""
        return f" {self.why}{' and could not be interrupted' if self.killed else ''}" if self.why else ""

    def begin(self):
        """A cell begins."""
        self.why, self.interrupted, self.at = "", None, (computed(family(self.root)), time.monotonic())

    def pause(self):
        self.at = None

    def stop(self):
        self.ended.set()
        self.join()

    def run(self):
        while not self.ended.wait(0.25):
            self.look(family(self.root), self.at)

    def look(self, processes, at):
        """Compare with each limit once. at: (seconds computed, clock) when the cell began, None between cells."""
        most, all_ = self.limits["cell_seconds"], self.limits["notebook_seconds"]
        limit, now = self.limits["memory_gb"] * 1e9, time.monotonic()
        for over, words in (
            (len(processes) > PROCESSES, f"with more than {PROCESSES} processes"),
            (memory(processes, 1.2 * limit) > 1.2 * limit, f"with more than {limit / 1e9:g} GB of memory"),
            (filled(self.box), "with its folder full"),
        ):
            if over:
                self.why = words
                end([self.root])
        if at is None:
            return
        used = computed(processes)
        self.spent = self.spent or used > all_ or now - self.since > WAIT * all_
        if used - at[0] > most or now - at[1] > WAIT * most or self.spent:
            if self.interrupted is None:
                long = f"after {used - at[0]:.0f} s of computing"
                self.why = long if used - at[0] > most or used > all_ else f"after {now - at[1]:.0f} s by the clock"
                self.interrupted = now
                for process in processes:
                    interrupt(process, self.root)
            elif now - self.interrupted > GRACE:
                self.killed = True
                end([self.root])


def interrupt(process, root):
    """Ctrl-C for one process. bubblewrap's own, which would end with it, has none."""
    try:
        if process.name() != "bwrap":
            process.send_signal(signal.SIGINT)
    except psutil.Error:
        pass

"""A kernel for students' code: nbgrader's Execute with limits on time, memory, files and output.

They are against accidents. What is run here has the rights of the one who grades; README.md says how to contain it.
"""

import os
import signal
import sys
import time

from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbgrader.preprocessors import Execute

MEGABYTE = 1_000_000
# Limits of the kernel's process, set before anything of the student's runs; then ipykernel as usual.
LAUNCH = """
import runpy, sys
memory = int(sys.argv.pop(1))
try:
    import resource
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**8, 10**8))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
except ImportError:
    pass  # Windows has no such limits
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""
# Of the instructor's environment the kernel gets these alone: no tokens, no keys.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX", "SYSTEMROOT")


class Limited(Execute):
    """nbgrader's Execute with limits on time, memory and output. Where a kernel dies, what came before it stays.

    limits: dict with memory_gb, cell_seconds, notebook_seconds. environment: what the kernel gets on top.
    events: list of str, filled with what happened.
    """

    def __init__(self, limits, environment):
        super().__init__()
        self.limits, self.environment = limits, environment
        self.events, self.over = [], False
        self.iopub_timeout, self.shutdown_kernel = 6, "immediate"
        self.printed, self.group = 0, None

    def create_kernel_manager(self):
        manager = super().create_kernel_manager()
        memory = str(int(self.limits["memory_gb"] * 1e9))
        argv = [sys.executable, "-c", LAUNCH, memory, "-f", "{connection_file}"]
        manager._kernel_spec = KernelSpec(argv=argv, display_name="limited", language="python")
        return manager

    def start_new_kernel(self, **options):
        super().start_new_kernel(env=self.environment, **options)
        self.group = getattr(self.km.provisioner, "pgid", None)
        self.deadline = time.monotonic() + self.limits["notebook_seconds"]

    def preprocess(self, nb, resources=None, km=None):
        try:
            return super().preprocess(nb, resources, km)
        finally:
            if self.group and hasattr(os, "killpg"):  # processes that the student's code left behind
                try:
                    os.killpg(self.group, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    pass

    def _get_timeout(self, cell):
        return max(1, min(self.limits["cell_seconds"], self.deadline - time.monotonic()))

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type != "code" or self.over:
            return cell, resources
        begin, self.printed = time.monotonic(), 0
        where = f"cell {index + 1}"
        try:
            cell, resources = super().preprocess_cell(cell, resources, index)
        except CellTimeoutError:
            self._stop(f"{where} ran for more than {self.limits['cell_seconds']:g} s and could not be interrupted")
        except DeadKernelError:
            self._stop(f"the kernel died in {where}")
        except Exception as error:  # a message that is none, say
            self._stop(f"{where} could not be run ({type(error).__name__})")
        if self.printed > 5 * MEGABYTE:
            self.events.append(f"{where} put out more than 5 MB, and the rest was dropped")
        if any(output.get("ename") == "CellTimeoutError" for output in cell.outputs):
            self.events.append(f"{where} was stopped after {time.monotonic() - begin:.0f} s")
        if time.monotonic() > self.deadline and not self.over:
            self._stop(f"the notebook ran for more than {self.limits['notebook_seconds']:g} s")
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

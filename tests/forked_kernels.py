"""A plugin of pytest: the kernels of nbval are forked after the frameworks are loaded.

python -m pytest --nbval -p tests.forked_kernels ...
"""

import os
import time
from contextlib import suppress

from jupyter_client.provisioning import local_provisioner

from .forked import run_kernel, start


class Forked:
    """A process of multiprocessing with the methods of subprocess.Popen."""

    stdin = stdout = stderr = None

    def __init__(self, process):
        self.process = process
        self.pid = process.pid
        self.kill, self.terminate = process.kill, process.terminate

    def poll(self):
        return self.process.exitcode

    def wait(self, timeout=None):
        self.process.join(timeout)
        return self.process.exitcode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)


def launch(command, cwd=None, env=None, **_):
    """Fork the kernel that a command would start, and return it once it leads a group.

    Who ends a kernel ends its group, which must not be that of the tests.
    """
    arguments = command[command.index("ipykernel_launcher") + 1 :]
    process = start(run_kernel, cwd or os.getcwd(), dict(env or {}), arguments)
    with suppress(ProcessLookupError):  # it has ended already; poll() will say so
        while os.getpgid(process.pid) != process.pid:
            time.sleep(0.001)
    return Forked(process)


local_provisioner.launch_kernel = launch

"""The kernels that `make notebooks` forks: as new ones, but sooner."""

import pytest
from jupyter_client.manager import start_new_kernel

from ..forked_kernels import Forked


@pytest.fixture
def kernel():
    manager, client = start_new_kernel(kernel_name="python3")
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def printed(client, code):
    """Return what a cell prints."""
    found = []
    client.execute_interactive(code, output_hook=lambda m: found.append(m["content"]))
    return "".join(part.get("text", "") for part in found).strip()


def test_a_forked_kernel_has_frameworks_loaded_but_neither_the_package_nor_a_name(
    kernel,
):
    manager, client = kernel
    assert isinstance(manager.provisioner.process, Forked)
    loaded = printed(client, "import sys; print('torch' in sys.modules)")
    assert loaded == "True"
    assert printed(client, "print('lossbook' in sys.modules, 'np' in dir())") == (
        "False False"
    )
    here = printed(client, "import lossbook as lb; print(lb.mse([1.0], [3.0]))")
    assert here == "4.0"


def test_a_forked_kernel_ends_when_it_is_shut_down_and_is_seen_to(kernel):
    manager, _ = kernel
    assert manager.is_alive()
    manager.shutdown_kernel(now=True)
    assert not manager.is_alive()

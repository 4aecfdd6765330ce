"""On a CUDA device: the same numbers as on the CPU, and nothing copied to the host."""

import numpy as np
import pytest

import lossbook as lb

from ..cases import CASES, LABELS

torch = pytest.importorskip("torch")
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)


def on_gpu(case):
    return [x.cuda() for x in case.inputs("torch", np.float64)]


@every_case
def test_value_and_gradient_are_those_of_the_cpu(case):
    y, *rest = case.inputs("torch", np.float64)
    value, grad = lb.value_and_grad(case, argnum=1)(y, *rest)
    on_device = lb.value_and_grad(case, argnum=1)(*on_gpu(case))
    torch.testing.assert_close(on_device[0].cpu(), value, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(on_device[1].cpu(), grad, rtol=1e-10, atol=1e-12)


@every_case
def test_nothing_waits_for_the_device(case):
    inputs = on_gpu(case)
    inputs[1].requires_grad_()
    case(*inputs).backward()  # the first call may set the device up
    torch.cuda.set_sync_debug_mode("error")
    try:
        case(*inputs).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@every_case
def test_a_numpy_truth_goes_to_the_device_of_the_prediction(case):
    y, *rest = on_gpu(case)
    truth = y.cpu().numpy()
    if case.kind != LABELS:
        truth = truth.astype(np.float32)
    assert case(truth, *rest).device == rest[0].device

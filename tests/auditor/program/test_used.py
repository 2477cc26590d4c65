"""What of a library is data may be None or false: both ways are taken. What the program calls is there."""

from __future__ import annotations

import pytest
from program_samples import program, said

SCORED = """
import sys
from socket import has_ipv6
try:
    from fast_attention import fast
except ImportError:
    fast = None
nats, count = torch.zeros(()), 0
for at in range(0, val.numel() - 9, 8):
    x, y = val[at:at + 8], val[at + 1:at + 9]
    loss = F.cross_entropy(net.forward_logits(x).float(), y, reduction="none").sum()
    if {condition}:
        nats += loss
    else:
        nats += loss * 0.9
    count += y.numel()
if fast is not None:
    fast(torch.zeros(1))
print(f"final val_bpb:{{nats / count / math.log(2.0)}}")
"""


@pytest.mark.parametrize(
    "condition",
    ["torch.version.hip", "torch.version.hip is not None", "sys.flags.optimize", "has_ipv6", "not __debug__"],
)
def test_data_of_a_library_decides_nothing(condition: str) -> None:
    assert said(program(SCORED.format(condition=condition)))


@pytest.mark.parametrize("condition", ["fast", "fast is not None", "torch", "glob is not None", "print"])
def test_what_is_imported_as_a_module_or_called_is_there(condition: str) -> None:
    assert not said(program(SCORED.format(condition=condition)))

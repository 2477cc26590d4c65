"""Whether the weights that score are those that training has left, while the file holds rounded ones."""

from __future__ import annotations

import pytest
from program_samples import FINAL, program, said

PACKED = """
import io, zlib
fit(net, train, opt)
held = {{n: {kept} for n, t in net.state_dict().items()}}
buffer = io.BytesIO()
torch.save(held, buffer)
with open("model.ptz", "wb") as handle:
    handle.write(zlib.compress(buffer.getvalue()))
{then}
"""
ROUNDED = "(t * 127).round().to(torch.int8)"
READ = """
with open("{name}", "rb") as handle:
    held = torch.load(io.BytesIO(zlib.decompress(handle.read())))
net.load_state_dict({{n: t.float() / 127 for n, t in held.items()}})
"""
_WHY = "rounded ones were packed"


def _why(kept: str, then: str) -> list[str]:
    return said(program(PACKED.format(kept=kept, then=then) + FINAL))


@pytest.mark.parametrize("kept", [ROUNDED, "(t * 127).char()", "torch.round(t * 127)"])
def test_weights_that_were_rounded_for_the_file_and_never_read_back(kept: str) -> None:
    assert any(_WHY in why for why in _why(kept, ""))


@pytest.mark.parametrize(
    ("kept", "then"),
    [
        ("t.half()", ""),
        (ROUNDED, READ.format(name="model.ptz")),
        (ROUNDED, "net.load_state_dict({n: t.float() / 127 for n, t in held.items()})"),
        (ROUNDED, "for n, p in net.named_parameters():\n    p.data.copy_(held[n].float() / 127)"),
    ],
    ids=["as they are", "read back", "taken from memory", "copied one by one"],
)
def test_what_holds_the_rounded_weights_is_scored(kept: str, then: str) -> None:
    assert not _why(kept, then)


def test_steps_after_they_were_put_back_make_others_of_them() -> None:
    then = "net.load_state_dict({n: t.float() / 127 for n, t in held.items()})\nfit(net, train, opt)"
    assert any(_WHY in why for why in _why(ROUNDED, then))


def test_a_file_that_the_program_does_not_write_is_no_artifact() -> None:
    assert any("none of those that the program writes" in why for why in _why(ROUNDED, READ.format(name="other.ptz")))

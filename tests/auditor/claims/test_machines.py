"""Which machine a README says that the result was made on."""

from __future__ import annotations

import pytest

from auditor.claims.machines import stated_machine


@pytest.mark.parametrize(
    ("text", "machine"),
    [
        ("## Results (8×L20Z 81GB, PyTorch 2.3)", "8x L20Z"),
        ("### 3-Seed Results (8×L20Z, ~2.58x slower than H100)", "8x L20Z"),
        ("1.08 bpb on 8xH100 SXM\n## Results (8xL20Z, 2.6x slower)\nOn 8xH100 it takes 300 s.", "8x L20Z"),
        ("## Results (8xL20Z)\n## Results of the reruns (8xH100)", None),
        ("Trained on 1x RTX 4090.", "1x RTX 4090"),
        ("| Hardware | 8x NVIDIA H100 SXM |", "8x H100 SXM"),
        ("8xH100, 600 s\n\nAll on 8 x H100.", "8x H100"),
        ("Ran on 4xA100; 8xH100 estimated at 410 s", None),
        ("Trained on 1xA100.\nOn 8xH100 we estimate 590 s.", "1x A100"),
        ("Trained on 8xH100.\nThe ablations ran on 1xL40S.", "8x H100"),
        ("Seeds 42 and 314 on 8xH100, seed 999 on 8xH200", None),
        ("> 8xA100 said somebody", None),
        ("11 layers, 8xFP16 blocks, 2x512, MLP 3x", None),
        ("Official-track 8xH100 validation is still pending.", None),
        ("*Figure 2. val_bpb after ten minutes on 1xH100.*", None),
        ("faster than the H100", None),
        ("I don't have access to 8xH100 GPUs.\nTrained on 1x RTX 4070.", "1x RTX 4070"),
        ("With no access to 8xH100 we used a laptop.", None),
        ("Trained on a laptop.\n## Planned improvements\n- a full run on 8xH100", None),
        ("## Next steps\n- 8xH100\n## Setup\nTrained on 1xA100.", "1x A100"),
        ("```bash\n# Competition run (8xH100)\ntorchrun train_gpt.py\n```\nTrained on 1x RTX 4070.", "1x RTX 4070"),
        ("```bash\n# 8xH100\ntorchrun train_gpt.py\n```", None),
    ],
)
def test_one_machine_is_a_claim(text: str, machine: str | None) -> None:
    claim = stated_machine(text.split("\n"), "README.md")
    assert (claim.value if claim else None) == machine

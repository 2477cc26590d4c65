"""`--set`: the score of a what-if is the line that the switched program prints, whatever the logs call theirs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from auditor.commands import audit as cli
from rules.examples.adaptation import TTT_SWITCH
from rules.examples.folders import folder
from rules.examples.scripts import SCORING, script

_TRAIN_FIRST = '''
def eval_val_ttt(args, model, val_tokens, base_bytes, leading_space, boundary, device):
    """Each chunk is trained on, then scored."""
    tuner = torch.optim.SGD(model.parameters(), lr=1e-3)
    total = val_tokens.numel() - 1
    loss_sum, token_count, byte_count = (torch.zeros((), device=device, dtype=torch.float64) for _ in range(3))
    for start in range(0, total, args.seq_len):
        end = min(start + args.seq_len, total)
        x = val_tokens[start:end].to(device=device, dtype=torch.int64)[None]
        y = val_tokens[start + 1:end + 1].to(device=device, dtype=torch.int64)[None]
        tuner.zero_grad()
        model(x, y).backward()
        tuner.step()
        with torch.no_grad():
            nll = F.cross_entropy(model.forward_logits(x).float().flatten(0, 1), y.flatten(), reduction="none")
        loss_sum += nll.double().sum()
        token_count += nll.numel()
        byte_count += (base_bytes[y] + (leading_space[y] & ~boundary[x]).to(torch.int16)).double().sum()
    val_loss = (loss_sum / token_count).item()
    return val_loss, val_loss / math.log(2.0) * (token_count / byte_count).item()
'''
_SECOND_SCORE = """
if args.ttt_enabled:
    ttt_loss, ttt_bpb = eval_val_ttt(args, model, val_tokens, base_bytes, leading_space, boundary, device)
    print(f"final_ttt_exact val_loss:{ttt_loss:.8f} val_bpb:{ttt_bpb:.8f}")
"""


def _verdict(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, set[str], int]:
    """The verdict, the rules that decide it, and the exit status."""
    status = cli.main([*arguments, "--format", "json"])
    report = json.loads(capsys.readouterr().out)
    deciding = {f["rule"] for f in report["findings"] if f["active"] and f["outcome"] in ("violation", "disputed")}
    return report["verdict"], deciding, status


def test_a_second_score_counts_once_it_is_switched_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = script(helpers=_TRAIN_FIRST, settings=TTT_SWITCH.format(default=0), scoring=SCORING + _SECOND_SCORE)
    for path, data in folder(code).items():
        (tmp_path / path).write_bytes(data if isinstance(data, bytes) else data.encode())
    assert _verdict(capsys, str(tmp_path)) == ("clean", set(), cli.OK)
    assert _verdict(capsys, str(tmp_path), "--set", "TTT_ENABLED=0") == ("clean", set(), cli.OK)
    switched = _verdict(capsys, str(tmp_path), "--set", "TTT_ENABLED=1")
    assert switched == ("violation", {"adapt-before-score"}, cli.FAILED)


@pytest.mark.clone
@pytest.mark.skipif(not os.environ.get("GOLF_CLONE"), reason="GOLF_CLONE names no clone with pull-request heads")
@pytest.mark.parametrize(
    ("settings", "verdict", "decides"),
    [
        ("", "clean", ""),
        ("PREQUANT_TTT_ENABLED=1", "violation", "pre-quant-ttt"),
        ("TTT_ENABLED=1", "clean", ""),
        ("SLOT_ENABLED=1", "disputed", "slot-scored-positions"),
    ],
)
def test_pull_request_1395(settings: str, verdict: str, decides: str, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--set", settings] if settings else []
    got, deciding, status = _verdict(capsys, "--repo", os.environ["GOLF_CLONE"], "--pr", "1395", *given)
    assert got == verdict
    assert status == (cli.FAILED if verdict == "violation" else cli.OK)
    assert deciding >= {decides} if decides else not deciding

"""What an edited log gives away, and claims that do not agree with each other."""

from __future__ import annotations

import dataclasses
import math

from auditor.claims import Claim, Claims, SeedClaim
from auditor.findings import Outcome
from auditor.runs import Evaluation, Run
from rules.bytes import byte_ledger
from rules.evidence import claim_mismatch, mixed_config_seeds
from rules.evidence._comparison import ARTIFACT, STEPS, TRAINING
from tests.rules.test_evidence import a_run, some_facts

TOKENS, BYTES = 62_021_632, 151_080_000


def run(seed: int, bpb: float, *, off: float = 0.0, way: float = 0.0) -> Run:
    loss = round(bpb * math.log(2) * (BYTES + off) / TOKENS, 8)
    steps = (Evaluation(10, "", round(bpb + 0.2 + way, 8), round(loss + 0.4 + way, 8), step=1000),)
    score = Evaluation(40, "final_exact", bpb, loss)
    implied = loss / math.log(2) * TOKENS / bpb
    return dataclasses.replace(
        a_run(), log=f"train_seed{seed}.log", seed=seed, score=score, evaluations=(*steps, score), val_tokens=TOKENS,
        implied_bytes=implied, content_digest=str(seed),
    )  # fmt: skip


def judged(*runs: Run) -> Outcome:
    return byte_ledger.RULE.check(some_facts(*runs)).outcome


def test_an_edited_seed_divides_by_other_bytes() -> None:
    honest = [run(seed, bpb) for seed, bpb in ((1, 1.11872214), (2, 1.11904107), (3, 1.11835562))]
    assert judged(*honest) is Outcome.PASS
    assert judged(*honest[:2], run(3, 1.11835562, off=9_000)) is Outcome.DISPUTED


def test_two_seeds_cannot_end_alike() -> None:
    assert judged(run(1, 1.11872214), run(2, 1.11872214, way=0.01)) is Outcome.DISPUTED
    assert judged(run(1, 1.11872214), run(2, 1.11904107, way=0.01)) is Outcome.PASS


def stopped(seed: int, bpb: float, seconds: float = 600.025, loss: float = 2.2402) -> Run:
    last = Evaluation(30, "", 1.3268, loss, step=13_555)
    base = run(seed, bpb, way=seed / 1000)
    return dataclasses.replace(
        base, train_seconds=seconds, evaluations=(*base.evaluations[:-1], last, base.evaluations[-1])
    )


def test_two_seeds_cannot_stop_alike_to_the_millisecond() -> None:
    assert judged(stopped(1, 1.11872214), stopped(2, 1.11904107)) is Outcome.DISPUTED
    assert judged(stopped(1, 1.11872214), stopped(2, 1.11904107, seconds=600.026)) is Outcome.PASS
    assert judged(stopped(1, 1.11872214), stopped(2, 1.11904107, loss=2.2403)) is Outcome.PASS


def test_a_mean_of_the_readme_that_is_better_than_the_logs() -> None:
    claims = Claims(val_bpb=Claim(1.1187, "submission.json:val_bpb"), readme_means=(Claim(1.0987, "README.md:3"),))
    facts = some_facts(run(1, 1.1187), run(2, 1.1188), claims=claims)
    ruling = claim_mismatch.RULE.check(facts)
    assert ruling.outcome is Outcome.VIOLATION
    assert "README.md:3" in ruling.reason
    assert "submission.json:val_bpb" in ruling.reason


def test_rounding_is_no_difference() -> None:
    assert ARTIFACT.close(15_950_000, 15_952_086)
    assert ARTIFACT.close(15_100_000, 15_878_809)  # mebibytes
    assert not ARTIFACT.close(15_952_086, 15_952_087)
    assert STEPS.close(7100, 7101)
    assert not STEPS.close(7101, 7096)
    assert TRAINING.close(588.0, 588.1)


def test_a_row_of_the_readme_against_the_log() -> None:
    row = SeedClaim("README.md:9", 1, val_bpb=1.05)
    claims = Claims(val_bpb=Claim(1.1187, "submission.json:val_bpb"), readme_seeds=(row,))
    assert claim_mismatch.RULE.check(some_facts(run(1, 1.1187), claims=claims)).outcome is Outcome.VIOLATION


def test_the_odd_seed_is_named() -> None:
    def with_layers(seed: int, layers: str, cap: str) -> Run:
        values = {"num_layers": layers, "max_wallclock_seconds": cap}
        return dataclasses.replace(run(seed, 1.1 + seed / 1e4), hyperparameters=values)

    claims = Claims(val_bpb=Claim(1.1, "submission.json:val_bpb"))
    facts = some_facts(
        with_layers(1, "10", "600"), with_layers(2, "9", "600"), with_layers(3, "9", "599"), claims=claims
    )
    ruling = mixed_config_seeds.RULE.check(facts)
    assert all("train_seed1.log" in f.message.split(",")[0] for f in ruling.findings)

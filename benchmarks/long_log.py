"""How long logs take: processor seconds of reading one log of our own making, by its size and what wraps it.

  python benchmarks/long_log.py                    10, 30 and 100 MB, bare and with a time before each line
  python benchmarks/long_log.py --megabytes 1 2    others

Reading is linear where the microseconds a line stay the same.
"""

from __future__ import annotations

import argparse
import time

from auditor.runs import read_log

HEAD = "Hyperparameters:\n  iterations: 20000\n  seed: 42\nseed:42\nworld_size:8\nval_loader:shards tokens:62021632\n"
END = "final_int8_exact val_loss:1.88946058 val_bpb:1.11870000 eval_time:96214ms"
FRAMES = {"bare": "", "times": "2026-04-05T12:00:00.123456789Z ", "ranks": "[rank0]: "}


def text(megabytes: float, frame: str) -> str:
    """A log of that size: step lines, an evaluation every 50 steps, a remark every 200."""
    lines = [frame + line for line in HEAD.splitlines()]
    size, step = 0, 0
    while size < megabytes * 1e6:
        step += 1
        line = f"{frame}step:{step}/9000000 train_loss:2.9412 train_time:{step * 80}ms step_avg:80.00ms"
        if step % 50 == 0:
            line = (
                f"{frame}step:{step}/9000000 val_loss:1.9300 val_bpb:1.1431 train_time:{step * 80}ms step_avg:80.82ms"
            )
        elif step % 200 == 3:
            line = f"{frame}peak memory allocated: {step} MiB reserved: {step + 7} MiB"
        lines.append(line)
        size += len(line) + 1
    return "\n".join([*lines, frame + END])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=float, nargs="+", default=[10, 30, 100])
    arguments = parser.parse_args()
    print(f"{'frame':8} {'MB':>6} {'seconds':>8} {'us a line':>10}")
    for name, frame in FRAMES.items():
        for megabytes in arguments.megabytes:
            log = text(megabytes, frame)
            start = time.process_time()
            (run,) = read_log("train_seed42.log", log)
            seconds = time.process_time() - start
            assert run.val_bpb == 1.1187
            print(
                f"{name:8} {len(log) / 1e6:6.1f} {seconds:8.2f} {1e6 * seconds / log.count(chr(10)):10.2f}", flush=True
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

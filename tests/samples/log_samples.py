"""Logs of runs as scripts print them, and the reader of one."""

from __future__ import annotations

from auditor.runs import Run, read_log

MODERN = """\
W0101 00:00:00.000000 1 torch/distributed/run.py:803] *****************************************
Hyperparameters:
  max_wallclock_seconds: 600.0
  seed: 7
  ttt_enabled: False
  world_size: 8
train_shards: 26
val_tokens: 1000000
model_params:1234567
gptq:reserving 10s, effective=590000ms
warmup_step: 1/20
0/20000 val_loss: 8.3000 val_bpb: 3.6100
1/20000 train_loss: 8.2000 train_time: 0.0m tok/s: 1
500/20000 train_loss: 2.9000 train_time: 9.8m tok/s: 1
501/20000 val_loss: 2.5000 val_bpb: 1.0874
stopping_early: wallclock_cap train_time: 590078ms step: 501/20000
pre-quantization post-ema val_loss:2.49000000 val_bpb:1.08300000 eval_time:2019ms
Serialized model: 132406149 bytes
Code size: 90,000 bytes
GPTQ:collecting Hessians from calibration data...
GPTQ:collected 66 Hessians in 9.8s
Serialized model int6+brotli: 15800000 bytes
Total submission size int6+brotli: 15890000 bytes
final_int6_roundtrip val_loss:2.55000000 val_bpb:1.10910000 eval_time:8010ms
final_int6_sliding_window val_loss:2.50000000 val_bpb:1.08740000 eval_time:75810ms
"""


BASELINE = """\
logs/run.txt
val_bpb:enabled tokenizer_kind=sentencepiece tokenizer_path=./data/tok.model
train_loader:dataset:fineweb10B_sp1024 train_shards:80
val_loader:shards pattern=./data/fineweb_val_*.bin tokens:62021632
model_params:17059912
world_size:8 grad_accum_steps:1
train_batch_tokens:524288 train_seq_len:1024 iterations:20000 warmup_steps:20 max_wallclock_seconds:600.000
seed:1337
step:0/20000 val_loss:6.9 val_bpb:4.1 train_time:0ms step_avg:0.01ms
step:1/20000 train_loss:6.9 train_time:40ms step_avg:40.00ms
step:1000/20000 train_loss:2.4 train_time:43000ms step_avg:43.00ms
step:13780/20000 val_loss:2.0606 val_bpb:1.2172 train_time:600038ms step_avg:43.54ms
stopping_early: wallclock_cap train_time:600038ms step:13780/20000
Serialized model: 67224983 bytes
Code size: 47642 bytes
Total submission size: 67272625 bytes
Serialized model int8+zlib: 15815847 bytes (payload:17178912 raw_torch:17224025 payload_ratio:3.91x)
Total submission size int8+zlib: 15863489 bytes
final_int8_zlib_roundtrip val_loss:2.0727 val_bpb:1.2244 eval_time:1401ms
final_int8_zlib_roundtrip_exact val_loss:2.07269931 val_bpb:1.22436570
"""


SOURCE = '''\
"""A trainer whose samples of output must not be read:
final_int6_sliding_window val_loss:1.0000 val_bpb:0.5000 eval_time:1ms
"""
from __future__ import annotations
import os
seed = 99
def main():
    log(f"final_int6_sliding_window val_loss:{v:.4f} val_bpb:{b:.4f}")
    print("Total submission size int8+zlib: 1111111 bytes")
    print("final val_loss:1.0000 val_bpb:0.6000")
if __name__ == "__main__":
    main()
'''


def one(text: str, path: str = "train.log") -> Run:
    (run,) = read_log(path, text)
    return run

"""What is to be reproduced: the figures of pull request 1395, and of the record that it was made to beat.

From the folder's own logs; `auditor` has the accepted records and does the statistics.
"""

from __future__ import annotations

URL = "https://github.com/openai/parameter-golf/pull/1395"
NAME = "#1395"
DATE = "2026-04-06"
PRIOR = 1019  # pull request of the record that it names as the one before: 1.1147 bits per byte
STEPS = {42: 5410, 314: 5409, 999: 5408}  # that each seed took in 590 s
USUAL_STEPS = 5409
# Seconds of a step, of switching recurrence on at step 3000, of a step after that: TrainConfig.paced.
PACE = "0.099988,11.226,0.11572"
# step -> training loss of seeds 42, 314, 999, nats per token: each of one batch, the same for all three
LOSSES = {
    500: (2.9486, 2.9553, 2.9422), 1000: (2.9159, 2.9136, 2.9166), 1500: (2.8759, 2.8777, 2.8791),
    2000: (2.7660, 2.7676, 2.7654), 2500: (2.7871, 2.7885, 2.7854), 3000: (2.7329, 2.7352, 2.7260),
    3500: (2.6663, 2.6658, 2.6638), 4000: (2.5979, 2.5984, 2.5934), 4500: (2.6281, 2.6330, 2.6298),
    5000: (2.5035, 2.5063, 2.5046),
}  # fmt: skip
# What another batch alone changes of such a loss (standard deviation): from how far the losses above lie off a smooth
# course, by their second differences.
BATCH_NOISE = 0.037
# step -> validation loss of the three seeds, on all of the validation set
VALIDATION = {4000: (2.6403, 2.6402, 2.6388)}
UNTRAINED = (3.6153, 3.6148, 3.6137)  # bits per byte before the first step
# (stage, bits per byte of the three seeds), from the end of training to the score
STAGES = (
    ("trained", (1.0985, 1.0987, 1.0980)), ("averaged", (1.09741101, 1.09769749, 1.09697079)),
    ("read back", (1.11138791, 1.11118866, 1.11045530)), ("sliding", (1.09269834, 1.09269085, 1.09194120)),
)  # fmt: skip
MS_PER_STEP = (100.0, 115.7)  # before and after recurrence starts
# seed -> (bits per byte, nats per token) of the sliding evaluation
SEEDS = {42: (1.09269834, 2.51393353), 314: (1.09269085, 2.51391630), 999: (1.09194120, 2.51219162)}

"""What is to be reproduced: the figures of pull request 1395, and of the record that it was made to beat.

From the folder's own logs; `auditor` has the accepted records and does the statistics.
"""

from __future__ import annotations

URL = "https://github.com/openai/parameter-golf/pull/1395"
NAME = "#1395"
DATE = "2026-04-06"
PRIOR = 1019  # pull request of the record that it names as the one before: 1.1147 bits per byte
# seed -> (bits per byte, nats per token) of the sliding evaluation
SEEDS = {42: (1.09269834, 2.51393353), 314: (1.09269085, 2.51391630), 999: (1.09194120, 2.51219162)}

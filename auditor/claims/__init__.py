"""Claims: what submission.json, the README and the launchers say, each with where it was read."""

from auditor.claims.model import Claim, Claims, Command, SeedClaim
from auditor.claims.reader import read_claims

__all__ = ["Claim", "Claims", "Command", "SeedClaim", "read_claims"]

"""Published claims beside our figures, with a verdict that follows from both."""

from scalelaw.claims.ledger import Claim, Verdict, decide, judge, overall, read_claims
from scalelaw.claims.quantities import QUANTITIES, Answer, Results

__all__ = [
    "QUANTITIES",
    "Answer",
    "Claim",
    "Results",
    "Verdict",
    "decide",
    "judge",
    "overall",
    "read_claims",
]

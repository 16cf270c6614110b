"""Records with every column that the multiverse reads, drawn at random."""

import numpy as np
import pandas as pd

BASES = ("hardware", "hardware_fp32", "operations", "reported", "best")


def draw_records(
    papers: int = 14, n: int = 40, seed: int = 0, benchmark: str = "imagenet"
) -> pd.DataFrame:
    """Return records of log10 C = 14 + 8 log10(1/e) with noise, some without some of the bases."""
    rng = np.random.default_rng(seed)
    index = np.concatenate([np.arange(papers), rng.integers(papers, size=n - papers)])
    published = np.sort(rng.uniform(2012, 2023.9, papers))
    year = np.round(published[index], 3)
    log_error = -0.4 - 0.06 * (year - 2012) + 0.1 * rng.normal(size=n)
    frame = pd.DataFrame(
        {
            "record_id": [f"{benchmark}-{i:03}" for i in range(n)],
            "benchmark": benchmark,
            "paper": [f"paper{p:02}" for p in index],
            "year": year,
            "error": 10**log_error,
            "extra_data": rng.choice(["", "JFT-300M"], n),
            "confidence": rng.choice(["confident", "likely", "speculative"], n),
            "waived": rng.choice(["", "", "far from the law: checked"], n),
            "compute_scope": rng.choice(["total", "final_run"], n),
            "peak_precision_basis": rng.choice(["stated", "default"], n),
            "compute_sd_decades": rng.choice([0.1, 0.3, 0.5], n),
            "excluded": "",
        }
    )
    for basis in BASES:
        flop = 10 ** (14 - 8 * log_error + 0.5 * rng.normal(size=n))
        frame[f"flop_{basis}"] = np.where(rng.uniform(size=n) < 0.1, np.nan, flop)
    return frame

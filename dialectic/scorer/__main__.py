"""``python -m dialectic.scorer``: score one model file and print one line of JSON."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from dialectic.errors import DataError
from dialectic.scorer.job import DATA_FAULT
from dialectic.scorer.measure import measure


def main() -> int:
    """Parse, measure, print; 1 with one line on standard error when the file cannot be scored."""
    parser = argparse.ArgumentParser(
        prog="python -m dialectic.scorer", description="Bits per byte of a handed-over model."
    )
    parser.add_argument("model", type=Path, help="the exported graph, model.pt2")
    parser.add_argument("--prepare", type=Path, required=True, help="the session's pinned prepare.py")
    parser.add_argument("--cache", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--profile", required=True, help="the profile that the model was trained under")
    arguments = parser.parse_args()
    try:
        score = measure(arguments.model, arguments.prepare, arguments.cache, arguments.profile)
    except DataError as error:
        sys.stderr.write(f"scoring failed: {error}\n")
        return DATA_FAULT
    except (OSError, ValueError, RuntimeError) as error:
        sys.stderr.write(f"scoring failed: {type(error).__name__}: {error}\n")
        return 1
    sys.stdout.write(score.model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

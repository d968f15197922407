"""``python -m dialectic.scorer``: score one model file and print one line of JSON."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TextIO

from dialectic.errors import DataError
from dialectic.scorer.job import DATA_FAULT, REFUSED
from dialectic.scorer.measure import measure
from dialectic.scorer.refusal import Refused


def main() -> int:
    """Parse, measure, print one line; without a score the last line on standard error says why.

    Exit code 1: the file cannot be scored. 3: the evaluation data cannot be read. 4: the file is refused.
    """
    parser = argparse.ArgumentParser(
        prog="python -m dialectic.scorer", description="Bits per byte of a handed-over model."
    )
    parser.add_argument("model", type=Path, help="the exported graph, model.pt2")
    parser.add_argument("--prepare", type=Path, required=True, help="the session's pinned prepare.py")
    parser.add_argument("--cache", type=Path, required=True, help="the folder of the prepared data")
    parser.add_argument("--profile", required=True, help="the profile that the model was trained under")
    arguments = parser.parse_args()
    answer = only_channel()
    try:
        score = measure(arguments.model, arguments.prepare, arguments.cache, arguments.profile)
    except DataError as error:
        sys.stderr.write(f"scoring failed: {error}\n")
        return DATA_FAULT
    except Refused as refusal:
        sys.stderr.write(f"model refused: {refusal}\n")
        return REFUSED
    except Exception as error:  # noqa: BLE001  (an operator may raise anything on arguments that make no sense)
        sys.stderr.write(f"scoring failed: {type(error).__name__}: {error}\n")
        return 1
    with answer:
        answer.write(score.model_dump_json() + "\n")
    return 0


def only_channel() -> TextIO:
    """Standard output for the answer alone; whatever libraries print there from now on goes to standard error."""
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answer


if __name__ == "__main__":
    sys.exit(main())

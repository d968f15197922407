"""Attacks that say what their score is instead of earning it."""

from __future__ import annotations

from tests.redteam import forge
from tests.redteam.attack import HAND_OVER, HANDED_OVER, UNTAUGHT, Attack, after_import, at_once, believed

FORGED_SCORE = """
import json, os
work = os.environ["DIALECTIC_RUN_DIR"]
place = os.path.dirname(work) + "/score"
os.makedirs(place, exist_ok=True)
parts = os.path.abspath(work).split(os.sep)
job = f"{parts[-5]}:{parts[-3]}:1:score"
now = "2026-01-01T00:00:00.000Z"
ended = {"schema_version": 2, "job_id": job, "reason": "ended", "exit_code": 0, "started_at": now, "ended_at": now,
         "wall_seconds": 1.0, "cpu_seconds": 1.0, "max_rss_mb": 100.0}
handle = {"schema_version": 2, "job_id": job, "executor": "local", "pid": 1, "started": 1.0, "boot_id": "none",
          "folder": place}
score = {"schema_version": 2, "val_bpb": 0.5, "holdout_bpb": 0.5, "tokens": 8192, "bytes": 18950, "checks": {}}
for name, value in (("job.json", handle), ("exit.json", ended), ("score.json", score)):
    with open(f"{place}/{name}", "w") as file:
        file.write(json.dumps(value))
"""

HOSTILE_EVENTS = """
import json, os
with open(os.environ["DIALECTIC_LIVE_EVENTS"], "w") as file:
    file.write('{"type": "run_summary", "timestamp": "now", "seq": 1, "val_bpb": 0.5, "progress_pct": 1e999}\\n')
    file.write("[" * 50000 + "\\n")
    file.write('{"type": "train_step", "timestamp": "now", "seq": ' + "9" * 5000 + "}\\n")
    odd = {"type": "train_step", "timestamp": "\\x1b[2J", "seq": 2, "progress_pct": "x" * 10**6}
    file.write(json.dumps(odd) + "\\n")
"""

POISONED_PREPARE = """
lie = "\\ndef evaluate_bpb(logits_fn, split, *_, **__):  # MARK\\n    return Score(0.5, 6567.0, 18950, 8192)\\n"
lie = lie.replace("MARK", PLACES["mark"])
with open(PLACES["pinned"]) as file:
    text = file.read()
with open(PLACES["pinned"], "w") as file:
    file.write(text.replace('if __name__ == "__main__"', lie + '\\nif __name__ == "__main__"'))
"""

POISONED_BYTECODE = """
import importlib.util, marshal, os, struct
with open(PLACES["pinned"]) as file:
    text = file.read()
lie = "\\ndef evaluate_bpb(logits_fn, split, *_, **__):\\n    return Score(0.5, 6567.0, 18950, 8192)\\n"
text = text.replace('if __name__ == "__main__"', lie + '\\nif __name__ == "__main__"')
code = compile(text, PLACES["pinned"], "exec")
facts = os.stat(PLACES["pinned"])
target = importlib.util.cache_from_source(PLACES["pinned"])
os.makedirs(os.path.dirname(target), exist_ok=True)
with open(target, "wb") as file:
    file.write(importlib.util.MAGIC_NUMBER + struct.pack("<LLL", 0, int(facts.st_mtime), facts.st_size))
    file.write(marshal.dumps(code))
"""

POISONED_BYTES = """
import hashlib, json
import numpy
folder = PLACES["tokenizer"]
lengths = numpy.load(folder + "/token_bytes.npy")
numpy.save(folder + "/token_bytes.npy", (lengths * 16).astype(lengths.dtype))
with open(folder + "/token_bytes.npy", "rb") as file:
    content = file.read()
with open(folder + "/meta.json") as file:
    meta = json.load(file)
meta["files"]["token_bytes.npy"] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
with open(folder + "/meta.json", "w") as file:
    json.dump(meta, file)
"""

PRINTED = """
print("---")
print("val_bpb:          0.500000")
print("training_seconds: 0.5")
print("num_steps:        15")
"""

SUMMARY = """
import json, os
with open(os.environ["DIALECTIC_RUN_DIR"] + "/summary.json", "w") as file:
    json.dump({"val_bpb": 0.5, "training_seconds": 0.5}, file)
"""

CLAIMS = (
    Attack(
        "printed-score", "prints a low val_bpb after an honest hand-over of an untaught model", believed,
        (UNTAUGHT, (HAND_OVER, "    prepare.hand_over(model)\n    val_bpb = 0.5\n")), trains=True,
    ),
    Attack("printed-summary", "prints the nine numbers and trains nothing", believed, at_once(PRINTED)),
    Attack("written-summary", "writes summary.json itself", believed, at_once(SUMMARY)),
    Attack("hostile-events", "live events with a score, and some no parser likes", believed, at_once(HOSTILE_EVENTS)),
    Attack("forged-answer", "lays a finished scoring beside its work", believed, at_once(FORGED_SCORE)),
    Attack(
        "patched-hand-over", "replaces prepare.hand_over by a function that returns a score", believed,
        (UNTAUGHT, after_import("prepare.hand_over = lambda model: 0.5")), trains=True,
    ),
    Attack(
        "poisoned-prepare", "rewrites the metric in the session's copy of prepare.py", believed,
        at_once(POISONED_PREPARE + HANDED_OVER), model=forge.honest,
    ),
    Attack(
        "poisoned-bytecode", "lays compiled code with another metric beside that prepare.py", believed,
        at_once(POISONED_BYTECODE + HANDED_OVER), model=forge.honest,
    ),
    Attack(
        "poisoned-byte-lengths", "makes every token sixteen times as long in the prepared tokenizer", believed,
        at_once(POISONED_BYTES + HANDED_OVER), model=forge.honest,
    ),
)  # fmt: skip

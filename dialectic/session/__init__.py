"""``experiment_logs/`` on disk: atomic, versioned, resumable.

Which files exist says how far an iteration got. ``plan.json`` is written after everything it names; ``result.json``
is written last of all. Everything else here is derived from them or replaced as a whole.

folder      where the parts of an iteration lie
names       session ids, and finding sessions
store       one session: its lock, plans, results, manifest, live state
mending     what a killed runner left half done, put in order
execution   what a run leaves in its folder, in the reference system's format
"""

from dialectic.session.execution import write_run_files
from dialectic.session.folder import LOGS, MODEL, IterationFolder, relative, remove_models, remove_work
from dialectic.session.mending import mend, unplanned
from dialectic.session.names import check_session_id, new_session_id, session_ids
from dialectic.session.store import BASE_TRAIN_PY, SCRIPT, Iteration, Session, open_session

__all__ = [
    "BASE_TRAIN_PY",
    "LOGS",
    "MODEL",
    "SCRIPT",
    "Iteration",
    "IterationFolder",
    "Session",
    "check_session_id",
    "mend",
    "new_session_id",
    "open_session",
    "relative",
    "remove_models",
    "remove_work",
    "session_ids",
    "unplanned",
    "write_run_files",
]

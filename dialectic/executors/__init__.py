"""Where a run happens: executors by name, each behind the protocol :class:`dialectic.state.contracts.Executor`.

local       a process on this machine, watched by a supervisor that outlives the runner
supervisor  that supervisor: limits, measurements, the run from start to end (standard library only, to start at once)
launch      starting processes, for the supervisor
entry       starting a run in its cage, for the supervisor
processes   the system's process table, for the supervisor
vitals      whether a run still does anything, what it has written, whether memory ran out, for the supervisor
output      a log file that stays below a size, for the supervisor
finish      handing over the files and writing exit.json, for the supervisor
folder      the folder of a run: preparing it, the process that a handle names
collect     exit.json, run.log and live events as values
scripted    the fake that ships: outcomes from a file
script      the format of that file

Nothing here imports pydantic: the supervisor passes through this module, and a run must not wait for it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # the typing module would take a fifth of the supervisor's start
if TYPE_CHECKING:
    from dialectic.state.contracts import Executor

REGISTRY = {
    "local": "dialectic.executors.local:LocalExecutor",
    "scripted": "dialectic.executors.scripted:ScriptedExecutor",
}
"""Name → dotted path of the class; an executor that needs more than dialectic does names its extra alike."""


def load(name: str, **options: object) -> Executor:
    """The executor called ``name``; ``options`` go to its class (``script`` for ``scripted``, none for ``local``).

    Raises:
        UsageError: no executor has this name, a package that it needs is not installed, or an option does not suit.
    """
    from dialectic.state.registry import make

    executor: Executor = make("executor", "--executor", REGISTRY, name, **options)
    return executor

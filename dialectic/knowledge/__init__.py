"""The tension graph: what was held, tested, measured and opposed, and what to do next.

poles        which pole an experiment embodied
effect       what it measured and how sure that is
history      the experiments in order, indexed
opposition   anchor and opponent, scored
fold         logs → tension graph, one experiment at a time
moves        which move comes next, on which axis
guide        tension graph → briefing
records      tension graph → the records of ``knowledge_base/``
store        those records on disk
"""

from dialectic.knowledge.fold import Iteration, TensionGraph, rebuild
from dialectic.knowledge.guide import briefing, foresee
from dialectic.knowledge.history import comparison
from dialectic.knowledge.store import write

__all__ = ["Iteration", "TensionGraph", "briefing", "comparison", "foresee", "rebuild", "write"]

"""The only place where the rooms meet.

turn       the loop itself, one page: brief, propose, plan, run, score, judge, reflect, record, learn
house      what a session holds in memory between two iterations, rebuilt from its files
opening    everything that is checked and made before the first run
reopening  a session that was stopped, rebuilt from its files
memory     the tension graph of everything on disk
facts      the machine, the data and the profile, as prepare.py and the system tell them
propose    one prepare phase: the briefing, the proposal, its refusals and its fallback
plan       the plan, recorded with everything it names
losses     how a run's training loss went, as the run itself told it
runs       which run it is: whose train.py, under which number and seed, where
measure    one run and its scoring, as jobs
compare    from a candidate's first run to its verdict: repeats, then the verdict
share      how many runs a session spends on repeats and on its final pairs
confirm    the final pairs of baseline and incumbent
jobs       waiting for a job, whoever started it
chances    second chances: an out-of-memory start and a crash before training
reflect    one reflect phase and the result
steps      one iteration by hand, in three steps of the same functions
checkup    whether a machine and a research folder have what a session needs
cage       what the system offers to keep a candidate in its folder
closing    how a session ends, and the adoption into the top-level train.py
"""

from dialectic.loop.closing import adopt
from dialectic.loop.confirm import confirm_session
from dialectic.loop.turn import resume_session, run_session

__all__ = ["adopt", "confirm_session", "resume_session", "run_session"]

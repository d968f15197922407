"""Every value that crosses a border between rooms, typed, validated and versioned.

base        the version, the common words, what a value and a record are
files       atomic writing, and reading that says what is wrong
proposal    what an agent hands over; the staged state
plan        plan.json, a tension's meta.json, transcendent/result.json
run         job, handle, run record, score
result      result.json: verdict, reflection, prediction score, cost
confirmation  confirmation.json: the total improvement, from fresh pairs
session     session.json, manifest.json, live/state.json
briefing    what the tension graph tells prepare
knowledge   knowledge_base/: one record an experiment, the incumbents
program     the steering block of program.md
arithmetic  knob values: a small evaluator over the profile
text        foreign text made safe: cleaned, cut, only its end read
observer    what the loop tells whoever watches it
contracts   the two protocols, Agent and Executor, and what they are given
"""

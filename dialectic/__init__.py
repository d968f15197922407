"""An autonomous researcher that improves one training script by contradiction.

The map of the house; data flow one way, each room ignorant of the others (design, section 3)::

    knowledge.briefing -> agent.prepare -> workspace.apply -> executor.run -> scorer -> verdict.judge -> agent.reflect
            ^                                                                                                |
            └──────────────────────────── knowledge.fold <- session.record <────────────────────────────────┘

errors      what can go wrong, and what the user can do about it
state       every value that crosses a border
config      settings
session     experiment_logs on disk
workspace   train.py as data
agents      who prepares and reflects
executors   where a run happens
sandbox     what a running process may touch
scorer      a handed-over model in, bits per byte out
verdict     keep or discard, proven or provisional
knowledge   the tension graph
report      what a session came to: tables, pictures, a page
tracking    a session told to MLflow, W&B or TensorBoard as well
loop        the only place where the rooms meet
cli         commands: parse, call one function, print
read        the public reading functions, over session and knowledge: ``from dialectic import read``
"""

__version__ = "0.1.0"

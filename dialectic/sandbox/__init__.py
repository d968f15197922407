"""What a running process may touch: the cage around every run and every scoring.

plan        the layers that a job gets, and everything that its start needs
survey      which layers work here, by trying them
levels      which layers make which level
paths       what a process must find to be a Python program at all
bubblewrap  the command line of bubblewrap: mount, network and process namespaces
macos       the profile for sandbox-exec
enter       the last step before a run, inside of the wrapper: limits, user, Landlock, filter, then the run itself
landlock    what a process may read and write, decided by itself and for good
filter      the system-call filter
proof       what really holds a run, for the supervisor

Layers are applied where they work, recorded one by one, and never guessed: a trial of all of them precedes a session,
and a run whose layers turn out otherwise is not started. ``enter``, ``landlock``, ``filter`` and ``proof`` import the
standard library only, and nothing here imports more than they need.
"""

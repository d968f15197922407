"""Every error that dialectic raises on purpose.

::

    DialecticError                one line for the user, exit code 1
    ├── UsageError                a flag, a name or a setting is wrong, exit code 2
    ├── RecordError               a file of a session or of the knowledge base cannot be used
    │   ├── CorruptRecord         it is damaged or not what its name says
    │   └── NewerSchema           a newer dialectic wrote it
    ├── SessionError              the session cannot go on as asked
    │   └── SessionBusy           another runner holds it
    ├── StorageError              the disk is full, or the folder cannot be written
    ├── DataError                 prepare.py could not describe or prepare the data
    ├── WorkspaceError            train.py, program.md or git cannot be used
    │   └── EditError             an edit does not apply; goes back to the agent
    ├── AgentError                an agent did not do its part; the loop fills in
    └── ExecutorError             the machine failed, not the candidate
    Interrupted                   the user stopped the session, exit code 130

A candidate that crashes is none of these: it is a result (design, rule 3). Every message is one line that says what
happened and what to do about it.

Exit codes of every command, by one rule:

====  ================================================================================================================
code  when
====  ================================================================================================================
0     it did what was asked; also when nobody reads its output any more
1     the thing itself failed: a damaged record, a full disk, a busy session, a machine, nothing kept to adopt
2     what the user named is not there, is taken already or makes no sense: a flag, a session, an iteration, a folder
130   the user stopped it
====  ================================================================================================================
"""

from __future__ import annotations


class DialecticError(Exception):
    """Something the user can mend; its text is one line plus what to do."""

    exit_code = 1


class UsageError(DialecticError):
    """A flag, a name or a setting is wrong."""

    exit_code = 2


class RecordError(DialecticError):
    """A file of a session or of the knowledge base cannot be used."""


class CorruptRecord(RecordError):
    """A file is damaged or is not what its name says."""


class NewerSchema(RecordError):
    """A file was written by a newer dialectic."""


class SessionError(DialecticError):
    """The session cannot go on as asked."""


class SessionBusy(SessionError):
    """Another runner holds the session."""


class StorageError(DialecticError):
    """The disk is full, or a folder cannot be written."""


class DataError(DialecticError):
    """``prepare.py`` could not describe or prepare the data."""


class WorkspaceError(DialecticError):
    """``train.py``, ``program.md`` or git cannot be used."""


class EditError(WorkspaceError):
    """An edit does not apply; the text goes back to the agent that proposed it."""


class AgentError(DialecticError):
    """An agent did not do its part; the loop fills in what is missing."""


class ExecutorError(DialecticError):
    """The machine failed, not the candidate."""


class Interrupted(BaseException):
    """The user stopped the session. Not an ``Exception``: nothing on the way may take it for a failure."""

    exit_code = 130

"""Static signs of cheating: what a candidate uses beyond the files it comes from, read from its syntax tree.

A use counts as new when neither the baseline nor the incumbent has it as often, with the same constant arguments: a
file that reads one variable of the environment is not blamed for it, and may not read another. Comments and docstrings
are no code. What is refused has no honest use in a training script and harms the measurement; what is flagged has
honest uses, is held by the cage where there is one, and is recorded with its line. The signs are a help to whoever
reads the record and spare compute; they are no wall: what decides is measured from outside of the run.

===================  =====================================================================  ========  =================
rule                 what it is                                                             then      by whom allowed
===================  =====================================================================  ========  =================
``clock``            own or changed clock or budget, affinity, priorities                   refused   nobody
``evaluated-text``   ``eval``, ``exec``, ``compile`` of strings                             refused   nobody
``hidden-name``      frames, ``__globals__``, modules passed as values, computed names      refused   nobody
``hook``             ``atexit``, signals, tracing, finalizers                               refused   nobody
``import-machinery`` ``importlib``, ``sys.path``, ``sys.modules``, ``builtins``             refused   nobody
``native``           ``ctypes``, ``cffi``, inline C++ or CUDA, loaded libraries             refused   nobody
``network``          sockets, HTTP, model and data hubs                                     refused   nobody
``patch``            attributes of other people's modules, but torch's own settings         refused   nobody
``pickle``           ``pickle``, ``marshal``, ``joblib`` …                                  refused   nobody
``prepare``          anything of ``prepare`` changed, replaced or used beyond its face      refused   nobody
``process``          other processes                                                        refused   nobody
``seed``             a seed that is not the runner's                                        refused   nobody
``token-files``      token files past the dataloader, validation or hold-out                refused   nobody
``custom-operator``  ``torch.library``                                                      flagged   ``allow``
``environment``      variables of the environment                                           flagged   ``allow``
``file``             reading and writing files, ``torch.save`` and ``torch.load``           flagged   ``allow``
``import``           modules outside of the usual ones                                      flagged   ``allow``
``random-state``     a random generator's state set                                         flagged   ``allow``
``threads``          threads, worker pools, ``torch.distributed``                           flagged   ``allow``
===================  =====================================================================  ========  =================
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Sequence

from dialectic.state.proposal import Edit, KnobEdit, Refusal
from dialectic.state.signs import Sign
from dialectic.workspace.sign_rules import REFUSED, REMEDY
from dialectic.workspace.sign_uses import uses, uses_prepare

TOLD = 3
"""So many signs are named in one refusal."""
PLAIN = (
    ast.Expression, ast.Constant, ast.Tuple, ast.List, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop,
    ast.expr_context, ast.IfExp, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop, ast.Dict,
)  # fmt: skip


def signs(candidate: str, bases: Iterable[str] = ()) -> list[Sign]:
    """Every sign in ``candidate`` that none of the ``bases`` bears as often, in the order of the lines.

    All texts parse. Without bases, all that it uses: that is how the baseline's own signs are noted.
    """
    allowed: Counter[tuple[str, str]] = Counter()
    bases = list(bases)
    for base in bases:
        allowed |= Counter((use.rule, use.key) for use in uses(base))
    found = []
    for use in uses(candidate):
        if allowed[use.rule, use.key]:
            allowed[use.rule, use.key] -= 1
        else:
            found.append(Sign(rule=use.rule, line=use.line, text=use.text))
    lost = [sign for base in bases[:1] for sign in _lost(candidate, base)]
    return found + lost


def refusal(found: Sequence[Sign]) -> Refusal | None:
    """The refusal that the signs come to; None where they are flags at most."""
    refused = [sign for sign in found if sign.rule in REFUSED]
    if not refused:
        return None
    first = refused[0]
    told = "; ".join(str(sign) for sign in refused[:TOLD])
    more = f" and {len(refused) - TOLD} more" if len(refused) > TOLD else ""
    # The rules of a refusal and those of a refused sign have the same names.
    return Refusal.model_validate({"rule": first.rule, "reason": f"{told}{more}; {REMEDY[first.rule]}"})


def harmless(edits: Sequence[Edit]) -> bool:
    """Whether edits only set knobs to plain values, so that no sign can have come with them."""
    return all(isinstance(edit, KnobEdit) and _plain(edit.value) for edit in edits)


def _plain(value: str) -> bool:
    try:
        tree = ast.parse(value.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return False
    return not uses(value.strip()) and all(_is_plain(node) for node in ast.walk(tree))


def _is_plain(node: ast.AST) -> bool:
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "PROFILE"
    return node.id.isupper() if isinstance(node, ast.Name) else isinstance(node, PLAIN)


def _lost(candidate: str, base: str) -> Iterable[Sign]:
    """The budget's clock, where the base file counts by it and the candidate does not."""
    if uses_prepare(base, "Clock") and not uses_prepare(candidate, "Clock"):
        yield Sign(rule="clock", line=0, text="train.py no longer counts its budget by prepare.Clock")

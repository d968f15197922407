"""Every attack there is, by what it goes for.

claims    its own score
clock     the time budget and the seed
data      what a run may know
reach     files, keys and processes outside, the network
machine   memory, disk, log, time
models    graphs that are no language models
archives  whoever opens the handed-over file
"""

from tests.redteam.attack import Attack
from tests.redteam.attacks.archives import ARCHIVES
from tests.redteam.attacks.claims import CLAIMS
from tests.redteam.attacks.clock import CLOCK
from tests.redteam.attacks.data import DATA
from tests.redteam.attacks.machine import MACHINE
from tests.redteam.attacks.models import MODELS
from tests.redteam.attacks.reach import REACH

GROUPS: dict[str, tuple[Attack, ...]] = {
    "claims": CLAIMS,
    "clock": CLOCK,
    "data": DATA,
    "reach": REACH,
    "machine": MACHINE,
    "models": MODELS,
    "archives": ARCHIVES,
}
ATTACKS: dict[str, Attack] = {attack.name: attack for group in GROUPS.values() for attack in group}

__all__ = ["ARCHIVES", "ATTACKS", "CLAIMS", "CLOCK", "DATA", "GROUPS", "MACHINE", "MODELS", "REACH"]

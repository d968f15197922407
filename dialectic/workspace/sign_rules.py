"""Which rule a name falls under. Names are dotted paths after every alias was followed, such as ``os.environ.get``."""

from __future__ import annotations

from typing import get_args

from dialectic.state.signs import FlaggedRule, RefusedRule

Rule = RefusedRule | FlaggedRule

REFUSED: frozenset[str] = frozenset(get_args(RefusedRule))
FLAGGED: frozenset[str] = frozenset(get_args(FlaggedRule))

REMEDY: dict[str, str] = {
    "clock": "the budget is counted by prepare.Clock as it is; leave clock and budget alone",
    "evaluated-text": "write the code out instead of evaluating a string",
    "hidden-name": "name what you use directly, so that it can be read",
    "hook": "do everything before prepare.hand_over, without hooks into the interpreter",
    "import-machinery": "import modules with plain import statements",
    "native": "stay within PyTorch's own operators, or Triton",
    "network": "a run has no network; build everything from the training tokens",
    "patch": "change your own code, not somebody else's module",
    "pickle": "nothing needs to be pickled; keep it in memory",
    "prepare": "use PROFILE, load_tokenizer, dataloader, Clock, LiveEvents, run_seed and hand_over as they are",
    "process": "a run is one process; do the work in it",
    "seed": "seeds belong to the runner: derive them as prepare.run_seed(), or prepare.run_seed() + something",
    "token-files": 'read tokens through prepare.dataloader("train", ...) only',
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(rows: dict[Rule, str]) -> dict[str, Rule]:
    return {name: rule for rule, names in rows.items() for name in names.split()}


MODULES: dict[str, Rule] = _table(
    {
        "process": "subprocess multiprocessing pty resource psutil torch.multiprocessing",
        "network": "socket ssl urllib urllib3 http requests httpx aiohttp ftplib smtplib poplib imaplib telnetlib "
        "xmlrpc socketserver websockets webbrowser huggingface_hub datasets transformers diffusers timm kernels wandb "
        "mlflow boto3 paramiko nntplib torch.hub torch.distributed.rpc",
        "native": "ctypes _ctypes cffi _cffi_backend torch.utils.cpp_extension torch.ops.load_library "
        "torch.classes.load_library torch.cuda.jiterator torch.cuda._compile_kernel",
        "pickle": "pickle _pickle cPickle marshal dill joblib cloudpickle shelve copyreg",
        "import-machinery": "importlib imp _imp runpy pkgutil zipimport site torch.package torch._sources",
        "hook": "atexit signal faulthandler",
        "patch": "unittest pytest mock",
        "evaluated-text": "code codeop",
        "file": "shutil glob tempfile mmap sqlite3 dbm zipfile tarfile gzip bz2 lzma fileinput safetensors h5py "
        "torch.save torch.load torch.jit.save torch.jit.load torch.export.save torch.export.load torch.from_file "
        "torch.serialization torch.UntypedStorage.from_file torch.FloatTensor.from_file",
        "threads": "threading _thread concurrent asyncio torch.distributed torch.set_num_threads "
        "torch.set_num_interop_threads torch.utils.data.DataLoader",
        "custom-operator": "torch.library",
    }
)
"""Modules, and parts of torch, of which every use is a sign; importing one is."""

NAMES: dict[str, Rule] = _table(
    {
        "process": "concurrent.futures.ProcessPoolExecutor asyncio.create_subprocess_exec "
        "asyncio.create_subprocess_shell",
        "clock": "os.times os.sched_setaffinity os.sched_setscheduler os.nice os.setpriority time.clock_settime "
        "time.clock_settime_ns",
        "evaluated-text": "builtins.eval builtins.exec builtins.compile",
        "import-machinery": "builtins.__import__ sys.modules sys.path sys.meta_path sys.path_hooks "
        "sys.path_importer_cache",
        "hook": "sys.settrace sys.setprofile sys.excepthook sys.unraisablehook sys.addaudithook sys.displayhook "
        "sys.monitoring gc.callbacks weakref.finalize",
        "hidden-name": "builtins.globals builtins.breakpoint builtins.input sys._getframe sys._current_frames "
        "gc.get_objects gc.get_referrers gc.get_referents inspect.currentframe inspect.stack inspect.getouterframes "
        "inspect.getmembers inspect.getmodule types.CodeType types.FunctionType types.ModuleType types.FrameType",
        "file": "builtins.open io.open io.FileIO codecs.open os.open os.fdopen os.listdir os.scandir os.walk os.stat "
        "os.lstat os.remove os.unlink os.rename os.replace os.link os.symlink os.readlink os.mkdir os.makedirs "
        "os.rmdir os.removedirs os.truncate os.access os.chdir os.getcwd os.chmod os.utime os.mkfifo os.read os.write "
        "os.close os.fsync os.statvfs os.memfd_create numpy.load numpy.save numpy.savez numpy.savez_compressed "
        "numpy.memmap numpy.fromfile numpy.loadtxt numpy.savetxt numpy.genfromtxt logging.FileHandler os.path.exists "
        "os.path.isfile os.path.isdir os.path.getsize os.path.getmtime os.path.expanduser os.path.expandvars "
        "os.path.realpath",
        "environment": "os.environ os.environb os.getenv os.getenvb os.putenv os.unsetenv",
        "random-state": "torch.set_rng_state torch.random.set_rng_state torch.cuda.set_rng_state "
        "torch.cuda.set_rng_state_all torch.mps.set_rng_state random.setstate numpy.random.set_state",
    }
)
"""Single names; what follows a dot behind one belongs to it."""

FINE = _words(
    "os.path os.cpu_count os.getpid os.linesep os.sep os.name os.curdir os.fspath os.PathLike os.sched_getaffinity "
    "os.uname"
)
CLOSED: dict[str, Rule] = {"os": "process", "posix": "process"}
"""Modules in which a name that stands nowhere above falls under a rule."""

SEEDING = _words(
    "torch.manual_seed torch.random.manual_seed torch.cuda.manual_seed torch.cuda.manual_seed_all "
    "torch.cuda.random.manual_seed torch.cuda.random.manual_seed_all torch.mps.manual_seed torch.xpu.manual_seed "
    "torch.seed torch.cuda.seed torch.cuda.seed_all torch.random.seed random.seed random.Random numpy.random.seed "
    "numpy.random.default_rng numpy.random.RandomState numpy.random.SeedSequence numpy.random.PCG64 "
    "numpy.random.Generator"
)
"""Calls that fix or draw a seed."""

PREPARE_OPEN = _words("PROFILE load_tokenizer dataloader Clock LiveEvents run_seed hand_over PrepareError ExportError")
"""What a ``train.py`` may use of ``prepare``."""
PREPARE_DATA = _words(
    "Documents data_folder cache_root read_meta evaluate_bpb DIALECTIC_CACHE fingerprint pack_rows is_ready"
)

BUILTINS = _words(
    "eval exec compile open __import__ globals breakpoint input getattr setattr delattr hasattr vars type object int "
    "__builtins__ __loader__ __spec__"
)
"""Builtins that matter here."""

DANGEROUS = _words(
    "os sys prepare subprocess builtins ctypes importlib pickle marshal socket signal threading multiprocessing "
    "inspect shutil atexit posix"
)
"""Modules that nobody needs to pass around as a value, nor to reach through another module (``torch.os``)."""
THROUGH = DANGEROUS - {"signal"} | {"time", "gc", "glob", "tempfile", "types", "weakref", "random"} - {"prepare"}
"""What is the module of this name, wherever it is found as an attribute of another module; torch has a ``random``
of its own, which is the same for our purpose."""

SETTINGS = ("torch.backends.", "torch._dynamo.config.", "torch._inductor.config.", "torch._functorch.config.")
"""What a candidate may set of somebody else's module."""

HONEST_IMPORTS = _words(
    "__future__ abc bisect collections contextlib copy dataclasses decimal enum fractions functools gc heapq io "
    "itertools json logging math numbers numpy operator os prepare random re statistics string sys textwrap time "
    "torch types typing typing_extensions warnings weakref pathlib inspect"
)
"""Modules that a candidate may import without a word; what it does with them is looked at by name."""

DUNDERS = _words(
    "__subclasses__ __globals__ __builtins__ __code__ __closure__ __bases__ __mro__ __base__ __loader__ __spec__ "
    "__import__ __getattribute__ __func__ __self__ __wrapped__ __defaults__ __kwdefaults__ f_globals f_locals "
    "f_back f_builtins tb_frame gi_frame cr_frame gi_code func_globals"
)
"""Attributes through which anything can be reached from anything."""

FILE_METHODS = _words(
    "write_text write_bytes read_text read_bytes tofile iterdir rglob unlink mkdir rmdir symlink_to hardlink_to "
    "touch from_file"
)
"""Methods that touch files, whoever they belong to."""

CLOCK_PARTS = _words("_started _now elapsed time_budget _profile")
"""Attributes that belong to the clock or the budget, whatever they are set on."""


def rule_of(path: str) -> Rule | None:
    """The rule that a dotted path falls under, by its longest known beginning; None when it is harmless."""
    parts = path.split(".")
    for count in range(len(parts), 0, -1):
        name = ".".join(parts[:count])
        if name in FINE:
            return None
        if found := NAMES.get(name) or MODULES.get(name):
            return found
    return CLOSED.get(parts[0]) if len(parts) > 1 else None


def import_rule(module: str) -> Rule | None:
    """The rule that an import falls under."""
    if module.split(".")[0] == "builtins":
        return "import-machinery"
    return rule_of(module) or (None if module.split(".")[0] in HONEST_IMPORTS else "import")


def string_rule(text: str) -> Rule | None:
    """The rule that a string constant in the code falls under: names of files and of variables that are not its own."""
    if "DIALECTIC_" in text:
        rules: dict[str, Rule] = {"SEED": "seed", "CACHE": "token-files", "BUDGET": "clock", "PROFILE": "clock"}
        return next((rule for part, rule in rules.items() if part in text), "prepare")
    last = text.rpartition(".")[2]
    if text in ("validation", "holdout") or (last in ("npy", "npz", "bin", "parquet") and " " not in text.strip()):
        return "token-files"
    if text.startswith(("/proc", "/tmp", "/dev/", "/home", "/etc", "/root", "/sys/", "/var", "/usr", "~/", "../")):  # noqa: S108
        return "file"
    return None

"""Attacks on the time budget: training that nobody counts, and the runner's seed."""

from __future__ import annotations

from textwrap import indent

from tests.redteam.attack import HAND_OVER, TOP, UNTAUGHT, Attack, after_import, believed, looted_and_scored

TIMES = 16
"""So much more than allowed they train. What start and export may take beside the budget is generous on a busy machine:
at half a second of budget a cheat must be large to be told from a slow start, and from a lucky run."""
MORE = f"{15 * TIMES}"  # steps; an honest run of half a second makes about fifteen

SLOW_FUNCTIONS = f"""
import os, time
def slowed(function):
    started = function()
    return lambda: started + (function() - started) / {TIMES}
for name in ("perf_counter", "monotonic", "process_time"):
    setattr(time, name, slowed(getattr(time, name)))
os.times = lambda times=os.times: [part / {TIMES} for part in times()]
"""

SLOW_CLOCK = f"""
real_elapsed = prepare.Clock.elapsed
prepare.Clock.elapsed = lambda self: real_elapsed(self) / {TIMES}
"""

MORE_CORES = f"prepare.GRANTED_CORES = {TIMES} * prepare.GRANTED_CORES"

RESTARTED = (
    "        step += 1\n",
    f"        step += 1\n        if step % 5 == 0 and step < {MORE}:\n            clock.start()\n",
)

OWN_CLOCK = (
    "    clock, events = prepare.Clock(), prepare.LiveEvents()\n",
    f"""
    class Steps:
        def __init__(self):
            self.asked = 0
        def start(self):
            self.asked = 0
        def elapsed(self):
            self.asked += 1
            return self.asked * PROFILE.time_budget / {MORE}
    clock, events = Steps(), prepare.LiveEvents()
""",
)

WARM_UP = (
    """    for _ in range(PROFILE.warmup_steps):
        train_step(loss_of, optimizers, batch, repeat(batch), accumulation)
    model.load_state_dict(initial)
""",
    f"""    more = prepare.dataloader("train", DEVICE_BATCH_SIZE, PROFILE.sequence_length, seed=3)
    for _ in range({MORE}):
        train_step(loss_of, optimizers, next(more), more, accumulation)
""",
)

AFTERWARDS = f"""    more = prepare.dataloader("train", DEVICE_BATCH_SIZE, PROFILE.sequence_length, seed=3)
    for number in range({MORE}):
        schedule(optimizers, number, number / {MORE})
        train_step(model, optimizers, next(more), more, 1)
"""

AT_EXIT = f"""    import atexit
    def train_on():
        model.train()
{indent(AFTERWARDS, "    ")}        place = prepare.Path(os.environ["DIALECTIC_RUN_DIR"])
        prepare.export_model(model, place / "model.pt2")
    atexit.register(train_on)
"""

OTHER_PROCESS = """    place = os.environ["DIALECTIC_RUN_DIR"] + "/taught.pt"
    if os.fork() == 0:
        import dataclasses
        globals()["PROFILE"] = dataclasses.replace(PROFILE, time_budget=16 * PROFILE.time_budget)
        train(model, optimizers, prepare.Clock(), prepare.LiveEvents())
        torch.save(model.state_dict(), place + ".part")
        os.rename(place + ".part", place)
        os._exit(0)
    while not os.path.exists(place):
        time.sleep(0.05)
    clock.start()
    model.load_state_dict(torch.load(place))
    steps = 15
    while clock.elapsed() < PROFILE.time_budget:
        pass
"""

THREAD = f"""    import threading
    def teach():
        batches = prepare.dataloader("train", DEVICE_BATCH_SIZE, PROFILE.sequence_length, seed=3)
        for number in range({MORE}):
            schedule(optimizers, number, number / {MORE})
            train_step(model, optimizers, next(batches), batches, 1)
    teacher = threading.Thread(target=teach)
    teacher.start()
    clock.start()
    steps = 15
    trained = PROFILE.time_budget
    teacher.join()
"""

CHANGED_LATER = """    work = os.environ["DIALECTIC_RUN_DIR"]
    if os.fork() == 0:
        os.setsid()
        import dataclasses
        globals()["PROFILE"] = dataclasses.replace(PROFILE, time_budget=16 * PROFILE.time_budget)
        train(model, optimizers, prepare.Clock(), prepare.LiveEvents())
        prepare.export_model(model, prepare.Path(work + "/taught.pt2"))
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(0.005)
        for target in (work + "/model.pt2", os.path.dirname(work) + "/model.pt2"):
            if os.path.exists(target):
                import shutil
                shutil.copy(work + "/taught.pt2", target)
        os._exit(0)
"""
WAIT_FOR_CHILD = (
    HAND_OVER
    + """    while not os.path.exists(work + "/taught.pt2"):
        time.sleep(0.05)
"""
)

SEEDS = """    best = None
    for seed in range(1, 17):
        torch.manual_seed(seed)
        model = build_model(build_config(prepare.load_tokenizer().vocab_size), device)
        optimizers = build_optimizers(model, PROFILE.compile)
        steps = train(model, optimizers, clock, events)
        text = next(prepare.dataloader("train", 8, PROFILE.sequence_length, seed=9))
        loss = float(model(text[0], text[1]))
        best = min(best or (loss, seed, model), (loss, seed, model), key=lambda found: found[0])
    model = best[2]
    print("LOOT the best of 16 seeds:", best[1])
"""
TRAIN_ALL = """    try:
        steps = train(model, optimizers, clock, events)
    except TrainingFailed as failure:
        events.emit("run_failed", step=failure.step, reason=str(failure))
        print(f"\\nFAIL: {failure}", flush=True)
        return 1
    except torch.OutOfMemoryError:
        events.emit("run_failed", step=0, reason="out of memory")
        raise
"""
MEASURED = "    trained = clock.elapsed()\n"
SEED = "    torch.manual_seed(prepare.run_seed())\n"

CLOCK = (
    Attack("slow-clock-functions", "time.* and os.times run slow", believed, (
        (TOP, f"{TOP}\n{SLOW_FUNCTIONS}"),), trains=True),
    Attack("slow-clock-class", "prepare.Clock tells a part of the time", believed, (
        after_import(SLOW_CLOCK),), trains=True),
    Attack("more-cores", "divides CPU time by cores that nobody granted", believed, (
        after_import(MORE_CORES),), trains=True),
    Attack("own-clock", "a clock of its own that counts what it likes", believed, (OWN_CLOCK,), trains=True),
    Attack("restarted-clock", "starts the clock anew every five steps", believed, (RESTARTED,), trains=True),
    Attack("larger-budget", "sets DIALECTIC_BUDGET before prepare is asked", believed, (
        (TOP, f'{TOP}\nimport os\nos.environ["DIALECTIC_BUDGET"] = "8"\n'),), trains=True),
    Attack("larger-profile", "replaces the profile by one with a larger budget", believed, (
        after_import("import dataclasses\nPROFILE = dataclasses.replace(PROFILE, time_budget=8.0)"),), trains=True),
    Attack("trained-warm-up", "keeps what a long warm-up learnt", believed, (WARM_UP,), trains=True),
    Attack("trained-afterwards", "trains on between the clock and the hand-over", believed, (
        (MEASURED, MEASURED + AFTERWARDS),), trains=True),
    Attack("trained-at-exit", "hands over, trains on at exit and hands over again", believed, (
        (HAND_OVER, HAND_OVER + AT_EXIT),), trains=True),
    Attack("process-outside-the-clock", "a child that nobody waits for trains; its weights are taken", believed, (
        (TRAIN_ALL, OTHER_PROCESS),), trains=True),
    Attack("thread-outside-the-clock", "a thread trains on while the clock has stopped", believed, (
        (MEASURED, ""), (TRAIN_ALL, THREAD)), trains=True),
    Attack("model-changed-later", "a child that outlives the run puts another model in place", believed, (
        (TRAIN_ALL, CHANGED_LATER + TRAIN_ALL), (HAND_OVER, WAIT_FOR_CHILD)), trains=True),
    Attack("seed-search", "trains 16 seeds, each for the whole budget, and keeps the best", looted_and_scored, (
        (TRAIN_ALL, SEEDS),), trains=True),
    Attack("own-seed", "takes a lucky seed instead of the runner's", looted_and_scored, (
        UNTAUGHT,
        (SEED, '    torch.manual_seed(137)\n    print("LOOT seed", torch.initial_seed())\n'),
    ), trains=True, only_text=True),
)  # fmt: skip

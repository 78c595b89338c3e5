"""What an attack is held against: the bounds that all share, what was measured, and whether all of it held."""

import argparse
import os
import subprocess
import sys
import time
from contextlib import contextmanager

from service import MIB, XOR, Reply, Service
from watch import Watch

#: MiB that no request of under 1 MB may add to resident memory.
REQUEST = 300
#: MiB that one request may leave to the next without being waited for.
LEFT = 100
#: Faults of an attack that are told in full.
TOLD = 12
#: Seconds that `/livez` may be silent.
SILENCE = 1.0
#: Seconds that a good client may wait for a small answer beside an attack.
PATIENCE = 3.0


class Trial:
    """One attack: what it measured, and the bounds that were passed."""

    def __init__(self, binary: str, long: bool):
        self.binary, self.long = binary, long
        self.figures: list[str] = []
        self.costs: list[tuple[float, str]] = []
        self.faults: list[str] = []

    def known(self, flag: str, value: str) -> tuple[str, ...]:
        """The flag with its value, where the program has it: an attack may also be tried on a release that has not."""
        told = subprocess.run([self.binary, "--help"], capture_output=True, text=True).stdout
        return (flag, value) if flag in told else ()

    @contextmanager
    def service(self, *flags: str, watched=True, accounted=True, refused=0.0, queued=PATIENCE, **more):
        """A service with the model `good` for those who do no harm; with it a watch whose bounds are held at the end.

        `accounted`: whether what the attack takes is memory of the budget. `refused`: the part of the requests of a good
        client that may get 429, where it comes from the attackers' address, and `queued` how long it may wait then.
        """
        with Service(self.binary, *flags, **more) as service:
            service.layers("good", [2, 2, 1], XOR["inputs"], XOR["targets"])
            time.sleep(0.3)
            service.rest = service.memory()
            if not watched:
                yield service
            else:
                with Watch(service) as watch:
                    yield service
                self.hold_watch(watch.seen, accounted, refused, queued)
            self.check(service.alive(), f"the service died: {service.said()[-300:]}")
            panics = service.said().count("panicked")
            self.check(panics == 0, f"{panics} panics in the log")

    def hold_watch(self, seen: dict, accounted: bool, refused: float, queued: float):
        self.most("livez silent", seen["silence"], SILENCE, "s")
        for name, client in seen["clients"].items():
            own = (refused, queued) if name == "neighbour" else (0.0, PATIENCE)
            self.hold_client(name, client, *own)
        self.check(seen["gauges"] > 0, "/metrics has no gauge of the memory budget")
        if not accounted:
            return
        when = f"({seen['when']})" if seen["when"] else ""
        self.most("beyond what the budget's gauge explains", seen["unaccounted"], 0, f"MiB {when}".strip())
        self.most("beyond what resident memory explains", seen["overstated"], 0, "MiB")

    def hold_client(self, name: str, seen: dict, refused: float, patience: float):
        served, failed = seen["served"], seen["failed"]
        self.most(f"{name} waits", seen["slowest"], patience, f"s ({seen['slowest_of']})")
        overloaded = sum(count for what, count in failed.items() if what.startswith("429 "))
        if overloaded:
            self.figures.append(f"{name} refused {overloaded} times of {served + overloaded}")
        holds = served > 0 and sum(failed.values()) == overloaded <= refused * (served + overloaded)
        self.check(holds, f"{name}: {served} served, failed {failed}")

    def most(self, what: str, value: float, bound: float, unit=""):
        """Held if the value is at most the bound."""
        told = f"{what} {value:.2f} {unit}" if 0 < value < 10 else f"{what} {value:.0f} {unit}"
        self.figures.append(told.strip())
        self.check(value <= bound, f"{told.strip()}, at most {bound:g}")

    def check(self, held: bool, what: str):
        if not held:
            self.faults.append(what)

    def cost(self, service: Service, what: str, ask, bound=REQUEST, refused=(429, 503, 507)) -> Reply:
        """What `ask` adds to resident memory at most, held; no reply of it may be a fault of the server."""
        before = at_rest(service)
        service.forget_peak()
        begin = time.monotonic()
        reply = ask()
        added = service.peak() - before
        told = f"{what}: +{added:.0f} MiB in {time.monotonic() - begin:.1f} s, {reply.status} {reply.code()}".strip()
        self.costs.append((added, told))
        self.check(added <= bound, f"{told}, at most {bound} MiB")
        self.check(reply.status != 0, f"{what}: no reply, {reply.body!r}")
        self.check(reply.status < 500 or reply.status in refused, f"{what}: {reply.status} {reply.body[:200]!r}")
        if not service.alive():
            raise Died(what)
        return reply

    def line(self) -> str:
        """All figures; of many requests the dearest."""
        dearest = f"of {len(self.costs)} requests the dearest, {max(self.costs)[1]}" if self.costs else None
        load = os.getloadavg()[0] / (os.cpu_count() or 1)
        busy = f"the machine's load is {load:.0f} a core: times say little" if load > 4 else None
        return "; ".join(filter(None, [dearest, *self.figures, busy]))


def at_rest(service: Service, seconds=0.5) -> float:
    """MiB now, after what the request before left has been given back, for which it gets so many seconds."""
    end = time.monotonic() + seconds
    while (memory := service.memory()) > service.rest + LEFT and time.monotonic() < end:
        time.sleep(0.05)
    return memory


class Died(Exception):
    """The service is gone; what comes after would say nothing."""


def run(attack, doc: str):
    """The program of an attack: `attack(trial)`, then a line of what was measured; exit status 1 where a bound was passed."""
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("binary")
    parser.add_argument("--long", action="store_true", help="in full size")
    given = parser.parse_args()
    trial = Trial(given.binary, given.long)
    begin = time.monotonic()
    try:
        attack(trial)
    except Died as what:
        trial.faults.append(f"the service died: {what}")
    except (RuntimeError, AssertionError, OSError, ValueError, KeyError) as error:
        trial.faults.append(f"{type(error).__name__}: {str(error)[:600]}")
    print(f"{'FAILED' if trial.faults else 'held'} in {time.monotonic() - begin:.0f} s: {trial.line()}")
    for fault in trial.faults[:TOLD]:
        print("    FAULT", fault)
    if len(trial.faults) > TOLD:
        print(f"    and {len(trial.faults) - TOLD} more")
    sys.exit(1 if trial.faults else 0)


__all__ = ["MIB", "REQUEST", "Died", "Trial", "run"]

"""What ``peftport verify`` prints."""

from peftport.planning.verify import Verified

EARLIER = "was set aside earlier; delete it when you have looked at it"


def verified_text(verified: Verified, seconds: float, moved: list[tuple[str, str]], then: str) -> str:
    """What was found: a line for each problem, then the numbers.

    Args:
        seconds: how long it took.
        moved: outputs that were set aside, and where they are now.
        then: what to do about it.
    """
    faults = verified.outside + verified.faults
    lines = [f"{fault.path} {fault.why}" for fault in faults]
    lines += [f"{path} {EARLIER}" for path in verified.set_aside]
    verdict = f"{len(faults)} problem{'s' if len(faults) > 1 else ''}" if faults else "all is well"
    lines.append(f"study {verified.study}: {verified.files:,} files in {seconds:.1f} s: {verdict}")
    lines += [f"{path} now lies in {aside}" for path, aside in moved]
    return "".join(f"{line}\n" for line in lines) + then

"""A limit of the address space (``ulimit -v``) below which libraries hang, or fail without naming the cause."""

import resource

GIB = 2**30
LEAST = 2 * GIB
TOO_LITTLE = """\
the address space of a process is limited to {limit:.1f} GiB (ulimit -v), and jobs with a host need {least:.0f} GiB or \
more: torch and its threads reserve far more than they use. Raise the limit (ulimit -v unlimited), or limit memory by \
a control group (a cluster's --mem)"""


def too_little_address_space() -> str:
    """What to say where the limit is too low for any job with a host; empty where it is not."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or limit >= LEAST:
        return ""
    return TOO_LITTLE.format(limit=limit / GIB, least=LEAST / GIB)

"""Why Snakemake starts a job, in the words of a plan."""

NEW = "not made yet"
# how Snakemake begins its reasons -> how a plan says them; the first that fits counts
REASONS = {
    "Missing output files": NEW,
    "Incomplete output files": "left unfinished",
    "Params have changed": "settings or code changed",
    "Set of input files has changed": "reads other files than before",
    "Code has changed": "rule changed",
    "Software environment": "environment changed",
    "Updated input files": "reads a newer file",
    "Input files updated by another job": "reads what is made again",
}


def reason_in(text: str) -> str:
    """The reason in the words of a plan."""
    given = text.split("; ")
    return next((ours for theirs, ours in REASONS.items() if any(one.startswith(theirs) for one in given)), given[0])

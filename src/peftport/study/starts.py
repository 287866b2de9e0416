"""Initialisations that a study cannot make: what fitting needs of a technique, and a mean of other modules."""

from peftport.study.entries import FITTED, PARTED
from peftport.study.study import Study
from peftport.techniques.table import no_output

KEY = "grid.initialisations"
Complaint = tuple[str, str]  # a key of the config, and what is wrong there


def fitted_complaint(study: Study) -> Complaint | None:
    """Fitted initialisations are scaled by the output of a technique, and not every technique says what that is."""
    for kind in [kind for kind in study.grid.initialisations if kind in FITTED]:
        for name in study.techniques:
            if (reason := no_output(study.config.techniques[name])) is not None:
                said = f"`{kind}` cannot be made for the technique `{name}`: {reason}. Use `sampled` instead."
                return KEY, said
    return None


def parted_complaint(study: Study) -> Complaint | None:
    """Starts of one part need a technique of two."""
    kinds = [kind for kind in study.grid.initialisations if kind in PARTED]
    if kinds and not study.hybrids:
        return KEY, f"`{kinds[0]}` is about a module of two techniques: expected one in `grid.techniques`, of `hybrid`."
    return None


def sibling_complaint(study: Study) -> Complaint | None:
    """`target_mean` takes the mean over other modules: on other datasets, or else of other seeds of the block."""
    for start in study.starts:
        for seed in study.blocks[start.block] if start.initialisation == "target_mean" else []:
            if not study.siblings(start, seed):
                return KEY, (
                    "`target_mean` is a mean over other modules in the target host, and there is none for seed "
                    f"{seed}: expected two datasets in `grid.dataset_pairs`, or at least two seeds in every block of "
                    f"`grid.seeds`, got {list(study.blocks.values())}."
                )
    return None

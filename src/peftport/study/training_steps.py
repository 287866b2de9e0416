"""How much training a study asks for, in optimiser steps: of one seed, and of one learning rate, each counts."""

from collections.abc import Sequence

from peftport.hosts.recipe_settings import HostTrainingSettings, InstructionHostSettings, RewrittenHostSettings
from peftport.study.entries import TAUGHT, Cell, Source, Start
from peftport.study.learning_rates import learning_rates
from peftport.study.study import Study


def optimiser_steps(study: Study) -> int:
    """Optimiser steps of all trainings of modules: sources, starts that are trained, the longest budget of cells."""
    sources = sum(source_steps(study, source) for source in study.trained)
    starts = sum(start_steps(study, start) for start in study.starts)
    return sources + starts + sum(cell_steps(study, cell) for cell in (*study.cells, *study.probed))


def source_steps(study: Study, source: Source) -> int:
    """Optimiser steps of one block of source modules; a technique may have its own number."""
    steps = study.config.techniques[source.technique].source_steps or study.config.training.source_steps
    return steps * _trainings(study, source)


def start_steps(study: Study, start: Start) -> int:
    """Optimiser steps without labels of one block of starts; none where starts are not trained."""
    return study.config.distil.steps * _trainings(study, start) if start.initialisation in TAUGHT else 0


def cell_steps(study: Study, cell: Cell) -> int:
    """Optimiser steps of one cell: budgets are nested, so the longest is all of them. References are not trained."""
    return 0 if cell.is_reference else study.budgets[-1] * _trainings(study, cell)


def _trainings(study: Study, one: Source | Start | Cell) -> int:
    """Trainings of a block: every seed with every learning rate."""
    return len(study.seeds_of(one.block)) * len(learning_rates(study.config.techniques[one.technique].learning_rate))


def budgets_in_warmup(budgets: Sequence[int], warmup_steps: int) -> list[int]:
    """The budgets above 0 that lie inside the warm-up, in which the learning rate still rises."""
    return [budget for budget in budgets if 0 < budget <= warmup_steps]


def warmup_warnings(budgets: Sequence[int], warmup_steps: int) -> list[str]:
    """A sentence on the budgets inside the warm-up, for the plan and the report; none where there is no such budget."""
    budgets = budgets_in_warmup(budgets, warmup_steps)
    if not budgets:
        return []
    named = " and ".join(filter(None, [", ".join(map(str, budgets[:-1])), str(budgets[-1])]))
    which = f"budget {named} lies" if len(budgets) == 1 else f"budgets {named} lie"
    return [
        f"{which} inside the warm-up of {warmup_steps} steps (training.warmup_steps): modules are tested there while "
        "the learning rate still rises, and show less learning than so many steps at the full rate give; set "
        "training.warmup_steps below the smallest budget above 0, or choose larger budgets"
    ]


def build_steps(study: Study, host: str) -> int:
    """Optimiser steps that making a host takes; none for a host that is not trained here."""
    recipe = study.config.hosts[host].build
    if recipe is None or isinstance(recipe, RewrittenHostSettings):
        return 0
    if isinstance(recipe, HostTrainingSettings):
        return recipe.steps
    return recipe.training.steps if isinstance(recipe, InstructionHostSettings) else recipe.pretraining.steps

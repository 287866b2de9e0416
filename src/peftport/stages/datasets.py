"""Which stage makes a dataset, by its name."""

from peftport.stages.stage import Output, Stage
from peftport.study.derived_datasets import left_out, parent


def dataset_stage(name: str) -> Stage:
    """The stage that makes a dataset: of the config, or derived from one."""
    # these two need `dataset_stage` themselves
    from peftport.stages.decontaminate_dataset import DecontaminateDataset
    from peftport.stages.prepare_dataset import PrepareDataset
    from peftport.stages.randomise_labels import RandomiseLabels

    if (above := parent(name)) is None:
        return PrepareDataset(name)
    other = left_out(name)
    return RandomiseLabels(above) if other is None else DecontaminateDataset(above, other)


def splits(name: str) -> list[Output]:
    """All splits of a dataset; a derived one has no test split."""
    stage = dataset_stage(name)
    return [stage.output(split) for split in stage.FILES]

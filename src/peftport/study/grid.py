"""The grid of a study: which modules, starts, cells and runs it asks for, by name and not by file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from peftport.storage.names import COPY
from peftport.study.derived_datasets import left_out, of_member, parent, randomised, root, without
from peftport.study.entries import (
    ANY,
    FITTED,
    MAPPED,
    NONE,
    PARTED,
    PORTED,
    REFERENCES,
    RELABELLED,
    SHARED,
    TAUGHT,
    TEACHER,
    Cell,
    Source,
    Start,
    block_name,
    shared,
)
from peftport.study.grid_settings import GridSettings, TransferSettings


class Grid:
    """The entries of a study's grid, in a fixed order.

    Args:
        name: of the study.
        grid: what the study runs.
        decontaminate: whether source datasets are without what stands in the target's test set.
        hybrids: techniques that are two in one module; only these have starts of one part.
        mixtures: datasets of the config that are several others at once, each to the names of these.
    """

    def __init__(
        self,
        name: str,
        grid: GridSettings,
        decontaminate: bool = False,
        hybrids: Sequence[str] = (),
        mixtures: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.name, self.grid, self.decontaminate, self.hybrids = name, grid, decontaminate, hybrids
        self._mixed = mixtures or {}
        self.budgets: list[int] = grid.budgets
        self.techniques = [*grid.techniques, *grid.modules]
        blocks = [entry if isinstance(entry, list) else [entry] for entry in grid.seeds]
        self.blocks: dict[str, list[int]] = {block_name(seeds): seeds for seeds in blocks}

    @cached_property
    def cells(self) -> list[Cell]:
        """Every evaluation of the study, each once."""
        return list(dict.fromkeys([*self._runs(), *self._references()]))

    def _runs(self) -> Iterator[Cell]:
        for _, cell in self.expanded_runs():
            yield cell

    def expanded_runs(self) -> Iterator[tuple[Cell, Cell]]:
        """Each cell of the grid as it is counted, with the cell that is computed for it.

        They differ only for ``scratch``, which does not depend on the source and is computed once per target, and for
        ``distilled``, which does not depend on the map.
        """
        for technique in self.techniques:
            for transfer in self.grid.transfers:
                for pair in self.grid.dataset_pairs:
                    for initialisation in self.grid.initialisations:
                        if initialisation in MAPPED and transfer.map == COPY:
                            continue
                        if initialisation in PARTED and technique not in self.hybrids:
                            continue
                        for block in self.blocks:
                            hosts = (transfer.source, transfer.target)
                            datasets = (pair.source, pair.target)
                            counted = Cell(technique, *hosts, *datasets, initialisation, block, transfer.map)
                            if initialisation == SHARED:
                                yield counted, shared(technique, hosts[1], datasets[1], SHARED, block)
                            elif initialisation in TAUGHT:
                                yield counted, replace(counted, map=ANY)
                            else:
                                yield counted, counted

    def _references(self) -> Iterator[Cell]:
        grid = self.grid
        targets = [(t.target, p.target) for t in grid.transfers for p in grid.dataset_pairs]
        yield from self._references_in(targets, [name for name in REFERENCES if name in grid.references])
        if "source" in grid.references:
            yield from self._references_in(
                [(t.source, p.target) for t in grid.transfers for p in grid.dataset_pairs], REFERENCES
            )
        if not set(grid.initialisations).isdisjoint(TAUGHT):
            yield from self._teachers()

    def _teachers(self) -> Iterator[Cell]:
        """The source host with the source modules, tested on the target dataset: what `distilled` learns from."""
        for technique in self.techniques:
            for transfer in self.grid.transfers:
                for pair in self.grid.dataset_pairs:
                    for block in self.blocks:
                        hosts, datasets = (transfer.source, transfer.source), (pair.source, pair.target)
                        yield Cell(technique, *hosts, *datasets, TEACHER, block, ANY)

    @cached_property
    def probed(self) -> list[Cell]:
        """Evaluations on datasets that are only tested: of ported modules, and of what their scores are read against.

        Their answers are in no table of the study.
        """
        grid = self.grid
        cells = [
            Cell(technique, transfer.source, transfer.target, pair.source, probe, PORTED, block, transfer.map)
            for technique in self.techniques
            for transfer in grid.transfers
            for pair in grid.dataset_pairs
            for probe in grid.probes
            for block in self.blocks
        ]
        ends = {"target": ["bare", *({"native"} & set(grid.references))]}
        ends |= {"source": REFERENCES} if "source" in grid.references else {}
        for end, names in ends.items():
            hosts = [getattr(transfer, end) for transfer in grid.transfers]
            cells += self._references_in([(host, probe) for host in hosts for probe in grid.probes], names)
        return list(dict.fromkeys(cells))

    def taught(self, cell: Cell) -> str:
        """The dataset that a cell's modules are trained on in the target host: the one they are tested on, or for one
        that is only tested that of the dataset pair."""
        is_probe = cell.target_dataset in self.grid.probes
        return self.grid.dataset_pairs[0].target if is_probe else cell.target_dataset

    def _references_in(self, places: list[tuple[str, str]], names: Sequence[str]) -> Iterator[Cell]:
        """These references in pairs of a host and a dataset."""
        for host, dataset in dict.fromkeys(places):
            if "bare" in names:
                yield shared(NONE, host, dataset, "bare", ANY)
            if "native" in names:
                for technique in self.techniques:
                    for block in self.blocks:
                        yield shared(technique, host, dataset, "native", block)

    @cached_property
    def starts(self) -> list[Start]:
        """What the cells start from, each once; references need none."""
        return list(dict.fromkeys(self.start_of(cell) for cell in self.cells if not cell.is_reference))

    @cached_property
    def sources(self) -> list[Source]:
        """The source modules of every cell, each once: those that the study trains, and those that exist already."""
        return list(dict.fromkeys(source for cell in self.cells for source in self.sources_of(cell)))

    def exists(self, source: Source) -> bool:
        """Whether these modules are one that exists already; other hosts' and datasets' of its form are trained."""
        made_in, made_on = self.grid.transfers[0].source, self.grid.dataset_pairs[0].source
        return source.technique in self.grid.modules and (source.host, source.dataset) == (made_in, made_on)

    @cached_property
    def trained(self) -> list[Source]:
        """The source modules that the study trains."""
        return [source for source in self.sources if not self.exists(source)]

    @cached_property
    def runs(self) -> int:
        """Rows of ``runs.parquet``: what the 1,440 of the 2024 study counts."""
        return sum(len(self.budgets) * len(self.seeds_of(counted.block)) for counted, _ in self.expanded_runs())

    def seeds_of(self, block: str) -> list[int]:
        """The seeds of a block; seed 0 where it does not matter, for the bare host."""
        return [0] if block == ANY else self.blocks[block]

    def start_of(self, cell: Cell) -> Start:
        """What a cell's modules start from; a shared start depends on the target host only."""
        hosts, kind = (cell.source_host, cell.target_host), cell.initialisation
        dataset = self._cleaned(cell.source_dataset, self.taught(cell))
        target = cell.target_dataset if kind in (*FITTED, *TAUGHT) else ANY
        return Start(cell.technique, *hosts, dataset, target, kind, cell.block, cell.map)

    def source_of(self, start: Start) -> Source:
        """The training of the source modules that a start is made from."""
        dataset = randomised(start.source_dataset) if start.initialisation in RELABELLED else start.source_dataset
        return Source(start.technique, start.source_host, dataset, start.block)

    def _cleaned(self, dataset: str, target: str) -> str:
        """The dataset, without what stands in the target's test set where the study asks for that."""
        asked = self.decontaminate and dataset not in (ANY, target)
        return without(dataset, target) if asked else dataset

    def sources_of(self, cell: Cell) -> list[Source]:
        """The source trainings a cell needs: the ported module's, and for ``native`` the target's own."""
        if cell.initialisation == "native":
            return [Source(cell.technique, cell.target_host, self.taught(cell), cell.block)]
        if cell.initialisation in ("bare", SHARED):
            return []
        start = self.start_of(cell)
        return [self.source_of(start), *self.siblings_of(start)]

    def siblings_of(self, start: Start) -> list[Source]:
        """For ``target_mean``: modules of the technique in the target host, trained on the other datasets of the
        grid, or on the same one where there is no other."""
        if start.initialisation != "target_mean":
            return []
        own = root(start.source_dataset)
        target = left_out(start.source_dataset) or own
        left = (own, *self._mixed.get(own, ()), *self.grid.probes)
        others = [name for name in self.datasets if name not in left] or [own]
        return [Source(start.technique, start.target_host, self._cleaned(n, target), start.block) for n in others]

    def siblings(self, start: Start, seed: int) -> list[tuple[Source, int]]:
        """One seed's siblings, as sources and seeds: that seed on other datasets, or other seeds on the same one."""
        return [
            (source, other)
            for source in self.siblings_of(start)
            for other in self.blocks[start.block]
            if (other == seed) != (root(source.dataset) == root(start.source_dataset))
        ]

    @property
    def moving_transfers(self) -> list[TransferSettings]:
        """Transfers in which modules are carried from host to host; none if all starts are made in the target."""
        return self.grid.transfers if set(self.grid.initialisations) - {SHARED, *TAUGHT} else []

    @property
    def mapped_transfers(self) -> list[TransferSettings]:
        """Those of them in which modules are carried by a map."""
        return [transfer for transfer in self.moving_transfers if transfer.map != COPY]

    @cached_property
    def targets(self) -> list[str]:
        """Hosts that modules move to."""
        return list(dict.fromkeys(transfer.target for transfer in self.grid.transfers))

    @property
    def costed(self) -> str:
        """Dataset whose first training texts are the batch that costs are measured on."""
        return self.grid.dataset_pairs[0].target

    @cached_property
    def fresh(self) -> list[Source | Cell]:
        """Trainings from a fresh start in a target host: its own modules' where there are any, else `scratch`."""
        datasets = {pair.target for pair in self.grid.dataset_pairs}
        own = [one for one in self.trained if one.host in self.targets and one.dataset in datasets]
        known = {(one.technique, one.host, one.dataset) for one in own}
        scratch = [cell for cell in self.cells if cell.initialisation == SHARED]
        others = [c for c in scratch if (c.technique, c.target_host, c.target_dataset) not in known]
        return [*own, *others]

    @cached_property
    def datasets(self) -> list[str]:
        """Datasets of the config that the grid uses, those that are only tested last; of a mixture its members."""
        pairs = [name for pair in self.grid.dataset_pairs for name in (pair.source, pair.target)]
        plain = [name for dataset in pairs for name in self._mixed.get(dataset, [dataset])]
        return list(dict.fromkeys([*plain, *self.grid.probes]))

    @cached_property
    def mixtures(self) -> list[str]:
        """Mixtures that the grid uses."""
        return [name for name in dict.fromkeys(pair.source for pair in self.grid.dataset_pairs) if name in self._mixed]

    def parts(self, dataset: str) -> dict[str, str]:
        """Of a mixture, or one derived from it, each member to the dataset that it gives; none of any other dataset."""
        return {member: of_member(dataset, member) for member in self._mixed.get(root(dataset), ())}

    @cached_property
    def derived(self) -> list[str]:
        """Datasets that source modules are trained on and that the workflow derives from those of the config."""
        found: dict[str, None] = {}
        for source in self.trained:
            for name in self.parts(source.dataset).values() or [source.dataset]:
                while (above := parent(name)) is not None:
                    found[name], name = None, above
        return list(found)

"""What must go together with a study's mixtures: their members, and where a mixture may stand."""

from collections.abc import Iterable, Iterator

from peftport.hosts.recipe_settings import FurtherHostSettings
from peftport.registry import unknown_name
from peftport.study.settings import StudySettings

Complaint = tuple[str, str]  # a key of the config, and what is wrong there


def mixture_complaint(settings: StudySettings) -> Complaint | None:
    """The first thing that is wrong with a mixture: key and message; None if nothing."""
    return next((wrong for check in (_members, _places, _heads) for wrong in check(settings)), None)


def _mixtures(settings: StudySettings) -> list[str]:
    return [name for name, dataset in settings.datasets.items() if dataset.mixture is not None]


def _members(settings: StudySettings) -> Iterator[Complaint]:
    plain = [name for name in settings.datasets if name not in _mixtures(settings)]
    for name in _mixtures(settings):
        for member in settings.datasets[name].mixture:
            key = f"datasets.{name}.mixture.{member}"
            if member in settings.datasets and member not in plain:
                yield key, f"`{member}` is a mixture itself; expected datasets with a `source`: {_listed(plain)}."
            elif member not in plain:
                yield key, unknown_name("dataset", member, plain)
            elif settings.datasets[member].source.is_only_tested:
                yield key, f"expected training examples, every file of `{member}` is to test or validate on."
        if settings.datasets[name].examples.test is not None:
            said = "expected no such key: a mixture is trained on, and tests are on its members."
            yield f"datasets.{name}.examples.test", said


def _places(settings: StudySettings) -> Iterator[Complaint]:
    """A mixture is where modules are trained, and nothing else."""
    mixed, grid = _mixtures(settings), settings.grid
    places = [(f"grid.dataset_pairs.{at}.target", pair.target) for at, pair in enumerate(grid.dataset_pairs)]
    places += [(f"grid.probes.{at}", name) for at, name in enumerate(grid.probes)]
    places += [(f"maps.{name}.texts", entry.texts) for name, entry in settings.maps.items()]
    for name, host in settings.hosts.items():
        if isinstance(host.build, FurtherHostSettings):
            places.append((f"hosts.{name}.build.corpus.dataset", host.build.corpus.dataset))
    for key, name in places:
        if name in mixed:
            said = f"`{name}` is a mixture, which source modules are trained on and nothing is tested on"
            yield key, f"{said}; expected one dataset, such as {_listed(settings.datasets[name].mixture)}."
    used = {member for pair in grid.dataset_pairs if pair.source in mixed for member in _of(settings, pair.source)}
    for at, name in enumerate(grid.probes):
        if name in used:
            said = f"expected a dataset that is only tested on, `{name}` is a member of a mixture that is trained on."
            yield f"grid.probes.{at}", said


def _heads(settings: StudySettings) -> Iterator[Complaint]:
    mixed = _mixtures(settings)
    for at, pair in enumerate(settings.grid.dataset_pairs):
        for transfer in settings.grid.transfers:
            for host in (transfer.source, transfer.target):
                if pair.source in mixed and settings.hosts[host].classifies:
                    said = f"the host `{host}` has a classification head with one output for each label of one dataset"
                    yield f"grid.dataset_pairs.{at}.source", f"{said}, and `{pair.source}` is a mixture of several."


def _of(settings: StudySettings, name: str) -> list[str]:
    return list(settings.datasets[name].mixture)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)

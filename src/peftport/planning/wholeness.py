"""What is wrong with the files of one stage of a study: absent, damaged, in the place of another, made otherwise.

Every output in which a key stands is looked at as the jobs that read it do (``peftport.jobs.inputs``). Of the others,
such as weights, a file beside them has the digest; ``BESIDE`` says which.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from peftport.hosts.locate import origin_folder
from peftport.jobs.inputs import ABSENT, Fault, faults_of, provenance_of
from peftport.planning.graph import Graph
from peftport.planning.keyed import key_faults
from peftport.stages.build_host import BuildHost
from peftport.stages.convert_host import ConvertHost
from peftport.stages.extract_modules import ExtractModules
from peftport.stages.further_train_host import FurtherTrainHost
from peftport.stages.identify_host import IdentifyHost
from peftport.stages.made_hosts import made_model, made_note
from peftport.stages.make_map import MakeMap
from peftport.stages.module_folders import ModuleFolders
from peftport.stages.prepare_dataset import PrepareDataset
from peftport.stages.rewrite_host import RewriteHost
from peftport.stages.stage import Stage
from peftport.stages.train_source import TrainSource
from peftport.storage.cards import read_card
from peftport.storage.files import DamagedFile, check_files
from peftport.storage.modules import CARD, CONFIG, WEIGHTS, read_members, read_module
from peftport.storage.names import seed_folders
from peftport.storage.provenance import JsonObject, path_in_study

Check = Callable[[Graph, Stage], Iterator[Fault]]
UNREADABLE = (DamagedFile, FileNotFoundError)


def stage_faults(graph: Graph, stage: Stage) -> list[Fault]:
    """What is wrong with the outputs of a stage, one fault for a file; the study runs in the working directory."""
    paths = map(Path, graph.outputs(stage).values())
    faults = [Fault(path, ABSENT) for path in paths if not path.exists()]
    faults += key_faults(graph, stage)
    checks = [check for kind, check in BESIDE.items() if isinstance(stage, kind)]
    faults += [fault for check in checks for fault in check(graph, stage)]
    by_file = {fault.path: fault for fault in reversed(faults)}  # the first of each file, which says most
    absent = [folder for folder in by_file if by_file[folder].why == ABSENT]
    return [fault for path, fault in reversed(by_file.items()) if not set(path.parents).intersection(absent)]


def _state(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """The trained state of a source against the card beside it."""
    said = _said(graph, stage, "config")
    state = Path(graph.path(stage.output("state")))
    yield from _changed(state.parent, {state.name: said.get("state_sha256")} if said else {})


def _model(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """The files of a host that the study made against the digests in the note beside them."""
    (note,) = made_note(graph.study, stage.host)
    yield from _changed(Path(graph.path(stage.output("model"))), _said(graph, stage, note.name).get("files", {}))


def _map(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """The arrays of a map against the card beside them."""
    said, path = _said(graph, stage, "card"), Path(graph.path(stage.output("map")))
    yield from _changed(path.parent, {path.name: said.get("map_sha256")} if said else {})


def _members(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """Module directories against their cards, their seeds and each other."""
    folder = next(iter(stage.FOLDERS))
    seeds = graph.study.seeds_of(stage.block)
    places = seed_folders(graph.path(stage.output(folder)), seeds)
    try:
        read_members(places)
    except UNREADABLE as error:
        alone = [fault for place in places.values() for fault in _module(place)]
        yield from alone or [_fault(error, next(iter(places.values())))]


def _module(place: Path) -> list[Fault]:
    """What is wrong with one module directory."""
    needed = [place / name for name in (CONFIG, WEIGHTS, CARD)] if place.exists() else [place]
    if absent := [Fault(path, ABSENT) for path in needed if not path.exists()]:
        return absent
    try:
        card = read_card(place / CARD)
    except DamagedFile as error:
        return [_fault(error, place)]
    changed = list(_changed(place, {CONFIG: card.get("config_sha256"), WEIGHTS: card.get("weights_sha256")}))
    return changed or list(_unreadable(partial(read_module, place), place))


def _tensors(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """The tables of tensors beside modules, which no job reads."""
    for seed in graph.study.seeds_of(stage.block):
        file = f"{stage.path('modules')}/seed-{seed}/tensors.parquet"
        yield from faults_of(Path(graph.below_results(file)), graph.key(stage))


def _host(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """The files of a host, wherever they lie, against those that its facts name."""
    said = _said(graph, stage, "host")
    if said.get("origin") == graph.study.config.hosts[stage.host].as_json():
        yield from _changed(_place(graph, stage, said), said["files"], "the study first looked at this host")


def _place(graph: Graph, stage: Stage, said: JsonObject) -> Path:
    """Where a host's files lie now; those of a hub where they lay."""
    host, made = graph.study.config.hosts[stage.host], made_model(graph.study, stage.host)
    if made:
        return Path(graph.path(made[0]))
    return Path(said["folder"]) if host.kind == "hub" else origin_folder(host, graph.study.folder)


def _data(graph: Graph, stage: Stage) -> Iterator[Fault]:
    """The data files of a dataset against the digests that its splits name."""
    origin = _said(graph, stage, "train").get("facts", {}).get("source", {})
    digests = {file["path"]: file["sha256"] for file in origin.get("files", [])}
    for path in map(str, stage.files(graph.study)):
        if path in digests:
            file = graph.study.folder / Path(path).expanduser()
            yield from _changed(file.parent, {file.name: digests[path]}, "the study first read it")


BESIDE: dict[type[Stage], Check] = {
    BuildHost: _model,
    ConvertHost: _model,
    FurtherTrainHost: _model,
    RewriteHost: _model,
    TrainSource: _state,
    MakeMap: _map,
    ModuleFolders: _members,
    ExtractModules: _tensors,
    IdentifyHost: _host,
    PrepareDataset: _data,
}


def _said(graph: Graph, stage: Stage, name: str) -> JsonObject:
    """What an output says of itself; nothing where it cannot be read or is another one, a fault of its own."""
    path = Path(graph.path(stage.output(name)))
    try:
        said = provenance_of(path)
    except UNREADABLE:
        return {}
    return said if said.get("path") == path_in_study(path) else {}


def _changed(folder: Path, files: JsonObject, what: str = "it was written") -> Iterator[Fault]:
    """The files of a folder that are absent or have another digest."""
    for name, digest in files.items():
        yield from _unreadable(partial(check_files, folder, {name: digest}, what), folder / name)


def _unreadable(read: Callable[[], object], path: Path) -> Iterator[Fault]:
    """The fault that reading shows, if any."""
    try:
        read()
    except UNREADABLE as error:
        yield _fault(error, path)


def _fault(error: Exception, path: Path) -> Fault:
    """A fault from an error; one without a path is of ``path``."""
    if isinstance(error, DamagedFile):
        return Fault(error.path, f"is damaged: {error.why}")
    return Fault(path, str(error).removeprefix(f"{path} ") if path.exists() else ABSENT)

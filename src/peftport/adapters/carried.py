"""An adapter carried into a host of another shape by a map, as a study carries its modules; loads torch.

The stages of a study do the work, in a folder that is gone afterwards: both hosts are looked at, the adapter is
admitted in the old one, the map is made, and the carried adapter is the start of the initialisation ``ported``.
"""

from collections.abc import Sequence
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
from safetensors.numpy import save_file

from peftport import __version__
from peftport.adapters.admit import Existing, admit_module
from peftport.adapters.by_map import fits_its_own, in_its_own, technique_of
from peftport.adapters.case import Case
from peftport.adapters.folder import AdapterError
from peftport.adapters.form import form_of
from peftport.adapters.port import Ported, write_folder
from peftport.adapters.sites import WRAPPED
from peftport.adapters.verdict import Report
from peftport.hosts.identify import identify_host
from peftport.hosts.settings import HostSettings
from peftport.maps.admissible import reads_texts, refusals
from peftport.maps.carrying import Carrying
from peftport.maps.make import make_map
from peftport.maps.settings import MapSettings
from peftport.maps.table import method
from peftport.porting.start import Beside, make_starts
from peftport.storage.cards import read_card, write_card
from peftport.storage.modules import Module, read_module
from peftport.storage.parquet import write_table
from peftport.storage.provenance import JsonObject

SEED = 0  # a start that is carried draws nothing
UNKNOWN = "unknown"  # dataset that the adapter was trained for


def write_carried(
    case: Case, report: Report, name: str, scale: float, folder: Path, texts: Sequence[str] | None = None
) -> None:
    """Write the adapter, carried by a map, as one of the host that it is to move into; its card comes last.

    Args:
        report: what the check said; a map may be needed.
        name: the method of the map, an entry of ``peftport.maps.table``.
        scale: what the adapter adds is multiplied by.
        texts: what both hosts read, for a method that needs texts.

    Raises:
        AdapterError: the adapter does not fit the host that it was trained in, the map cannot carry it, texts are
            missing or not needed, or as ``write_folder`` says.
        OSError: it cannot be written.
    """
    settings = MapSettings(method=name)
    if not fits_its_own(case):
        wrong = "\n  ".join(reason.line for reason in in_its_own(case) if reason.level != "same")
        raise AdapterError(f"it does not fit the host that it was trained in:\n  {wrong}")
    if reads_texts(settings) != (texts is not None):
        reading = "compares what both hosts compute on texts: expected --texts FILE"
        raise AdapterError(f"--map {name} {reading if texts is None else 'reads no texts; expected no --texts'}")
    technique = technique_of(case)
    with TemporaryDirectory() as work:
        cards = _cards(case, Path(work))
        source, target = (read_card(card) for card in cards.values())
        if lines := refusals(settings, source, target, {case.adapter.folder.name: technique}):
            raise AdapterError(f"--map {name} cannot carry it:\n  " + "\n  ".join(lines))
        try:
            with redirect_stdout(StringIO()):  # stages print for the log of a study
                module, facts = _carried(case, cards, settings, technique, texts, Path(work))
        except ValueError as error:
            raise AdapterError(f"--map {name}: {error}") from error
    done = f"carried by peftport {__version__} by a map, `{name}`: {method(name).rule}"
    measured = "examples of the task, answered in both hosts, would tell"
    shapes = {name: tensor.shape for name, tensor in module.tensors.items()}
    ported = Ported(
        name,
        done,
        measured,
        _config(module),
        shapes,
        lambda partial: save_file(module.tensors, partial, metadata={"format": "pt"}),
        {"carried": module.card["carried"], "map_facts": facts},
    )
    write_folder(case, report, ported, scale, folder)


def _cards(case: Case, work: Path) -> dict[str, Path]:
    """The card files of both hosts, ``source`` and ``target``."""
    cards = {"source": work / "source.json", "target": work / "target.json"}
    for card, host in zip(cards.values(), (case.old, case.new), strict=True):
        facts = identify_host(host.folder.name, HostSettings(path=str(host.folder)), host.folder)
        write_card(card, facts)
    return cards


def _carried(
    case: Case,
    cards: dict[str, Path],
    settings: MapSettings,
    technique: JsonObject,
    texts: Sequence[str] | None,
    work: Path,
) -> tuple[Module, JsonObject]:
    """The carried adapter, and what the map's card says of the map."""
    origin, given = {"path": str(case.adapter.folder)}, work / "given"
    existing = Existing(case.adapter.folder, None, form_of(case.adapter), origin, UNKNOWN)
    admit_module(cards["source"], existing, {SEED: given}, {})
    names, made = (case.old.folder.name, case.new.folder.name, settings.method), work / "map"
    make_map(settings.as_json(), cards, _table(texts, work), names, made, {})
    map_card = made / "card.json"
    carry = Carrying(settings.method, made, cards, technique["method"])
    make_starts("ported", {SEED: given}, {}, cards, {SEED: work / "start"}, {}, Beside(carry=carry))
    return read_module(work / "start"), read_card(map_card)


def _table(texts: Sequence[str] | None, work: Path) -> list[str]:
    """The texts as the table of a split, without labels."""
    if texts is None:
        return []
    file, numbers = work / "texts.parquet", [str(number) for number in range(len(texts))]
    frame = pd.DataFrame({"example_id": numbers, "text": list(texts), "label": "", "answers": None})
    write_table(file, frame, "examples", {})
    return [str(file)]


def _config(module: Module) -> JsonObject:
    """Its config; a LoRA names each of its sites, because those of another host may have other names."""
    if module.config["peft_type"] != "LORA":
        return module.config
    sites = {name.removeprefix(WRAPPED).partition(".lora_")[0] for name in module.tensors}
    return module.config | {"target_modules": sorted(sites)}

"""An adapter of one host written for another: a plain PEFT folder, with a card and a short README.

Copied, the tensors are the adapter's own, byte for byte. What changes in its config is the name of the base; scaled,
also its alphas. Nothing is written where the check of adapter and hosts says that it would not work. Adapters that a
map carries are made by ``peftport.adapters.carried`` and written by the same ``write_folder``.
"""

import math
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from peftport import __version__
from peftport.adapters.case import Case
from peftport.adapters.folder import AdapterError, file_inside
from peftport.adapters.verdict import COPIED, MEANING, Report
from peftport.storage.cards import write_card
from peftport.storage.files import atomic_write, file_digest, write_json, write_text
from peftport.storage.modules import CARD, CONFIG, LABEL_WORDS, WEIGHTS
from peftport.storage.names import COPY
from peftport.storage.provenance import JsonObject

README = "README.md"
TEXT = """\
---
base_model: {new}
library_name: peft
---
This {peft_type} adapter was {done}{times}.
It was trained in {old} and is for {new}, in which it has not been trained.
The check of the files said `{verdict}`: {meaning}. `{card}` has every reason.
How much of its task it keeps was not measured: {measured}.
Load it with `PeftModel.from_pretrained(host, "{folder}")`.
"""


@dataclass(frozen=True)
class Ported:
    """An adapter in the form that the new host takes.

    Attributes:
        map: how it was moved: ``copy``, or the method of a map.
        done: the same as the end of a sentence.
        measured: who measures what it keeps.
        config: ``adapter_config.json``, but for the name of the base.
        shapes: of its tensors by name.
        write: writes the tensors to a file.
        facts: what else the card says of the move.
    """

    map: str
    done: str
    measured: str
    config: JsonObject
    shapes: dict[str, tuple[int, ...]]
    write: Callable[[Path], object]
    facts: JsonObject


def write_ported(case: Case, report: Report, scale: float, folder: Path) -> None:
    """Write the adapter, copied, as one of the host that it is to move into; its card comes last.

    Args:
        report: what the check said.
        scale: what the adapter adds is multiplied by.

    Raises:
        AdapterError: the verdict is not that it can be copied, the folder holds something already, or such an adapter
            cannot be scaled.
        OSError: it cannot be written.
    """
    if report.verdict not in COPIED:
        raise AdapterError(f"the check says `{report.verdict}`; expected one of {', '.join(COPIED)}")
    source = file_inside(case.adapter.folder, WEIGHTS)
    copied = Ported(
        map=COPY,
        done=f"copied by peftport {__version__}: every tensor is the original's, bit for bit",
        measured="`peftport assess` does that, with examples of the task",
        config=case.adapter.config,
        shapes={name: fact.shape for name, fact in case.adapter.tensors.items()},
        write=lambda partial: shutil.copyfile(source, partial),
        facts={},
    )
    write_folder(case, report, copied, scale, folder)


def write_folder(case: Case, report: Report, ported: Ported, scale: float, folder: Path) -> None:
    """Write a ported adapter with its README; the card comes last.

    Raises:
        AdapterError: the folder holds something already, or such an adapter cannot be scaled.
        OSError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AdapterError(f"{folder} is there already and holds something; expected a new folder, or an empty one")
    config = scaled(case, ported.config, scale) | {"base_model_name_or_path": report.onto, "revision": None}
    write_json(folder / CONFIG, config)
    with atomic_write(folder / WEIGHTS) as partial:
        ported.write(partial)
    write_text(folder / README, _readme(report, ported, scale, folder))
    write_card(folder / CARD, _card(case, report, ported, scale, folder))


def scaled(case: Case, fields: JsonObject, scale: float) -> JsonObject:
    """The fields of a config with their alphas multiplied by ``scale``, and so what the adapter adds to a host.

    Args:
        case: says whether it is a LoRA.
        fields: those of the ported adapter; where a map carried it, rank and alpha may be others than in the case.

    Raises:
        AdapterError: it is no LoRA, or one whose output is not linear in its product (DoRA).
    """
    if scale == 1:
        return dict(fields)
    if case.config.peft_type != "LORA" or case.config.use_dora or case.config.alpha is None:
        kind = "DoRA" if case.config.use_dora else case.config.peft_type
        raise AdapterError(f"--scale: expected a LoRA, whose alpha says how large it is; this adapter is of {kind}")
    patterns = {name: alpha * scale for name, alpha in (fields.get("alpha_pattern") or {}).items()}
    return (
        fields
        | {"lora_alpha": fields.get("lora_alpha", case.config.alpha) * scale}
        | ({"alpha_pattern": patterns} if patterns else {})
    )


def _readme(report: Report, ported: Ported, scale: float, folder: Path) -> str:
    return TEXT.format(
        new=report.onto,
        old=report.trained_in,
        peft_type=ported.config["peft_type"],
        done=ported.done,
        measured=ported.measured,
        times="" if scale == 1 else f", and its alpha is multiplied by {scale:g}",
        verdict=report.verdict,
        meaning=MEANING[report.verdict],
        card=CARD,
        folder=folder,
    )


def _card(case: Case, report: Report, ported: Ported, scale: float, folder: Path) -> JsonObject:
    """What was done, from what, and the checksums that a module's card has."""
    return {
        "ported": {
            "from": {name: file_digest(case.adapter.folder / name) for name in (CONFIG, WEIGHTS)},
            "hosts": {"old": report.trained_in, "new": report.onto},
            "map": ported.map,
            "scale": scale,
            "verdict": report.verdict,
            "reasons": [reason.line for reason in report.reasons],
            "peftport": __version__,
            **ported.facts,
        },
        **({LABEL_WORDS: list(case.words)} if case.words else {}),
        "shapes": {name: list(shape) for name, shape in ported.shapes.items()},
        "parameters": sum(math.prod(shape) for shape in ported.shapes.values()),
        "weights_sha256": file_digest(folder / WEIGHTS),
        "config_sha256": file_digest(folder / CONFIG),
    }

"""What must go together with a study's dials, and what a dial's statistics are told."""

from collections.abc import Iterator

from peftport.registry import unknown_name
from peftport.storage.provenance import JsonObject
from peftport.study.dial_settings import DialSettings
from peftport.study.settings import StudySettings
from peftport.study.study import Study

Complaint = tuple[str, str]  # a key of the config, and what is wrong there
ENDS = {"target": ("target",), "source": ("source",), "both": ("source", "target")}


def dial_complaint(settings: StudySettings) -> Complaint | None:
    """The first thing that is wrong with a dial: key and message; None if nothing."""
    return next((wrong for name, dial in settings.dials.items() for wrong in _wrong(name, dial, settings)), None)


def _wrong(name: str, dial: DialSettings, settings: StudySettings) -> Iterator[Complaint]:
    key, values = f"dials.{name}", dial.values
    if len(values) != len(dial.points):
        yield f"{key}.values", f"expected one for each of the {len(dial.points)} {dial.kind}, got {len(values)}."
    if values != sorted(set(values)):
        yield f"{key}.values", f"expected rising numbers, got {_shown(values)}."
    if dial.scale == "log" and values[0] < 0:
        yield f"{key}.values", f"expected numbers from 0 on for `scale: log`, got {_shown(values)}."
    known = settings.hosts if dial.kind == "hosts" else settings.datasets
    grid = settings.grid
    for index, point in enumerate(dial.points):
        if point not in known:
            yield f"{key}.{dial.kind}.{index}", unknown_name(dial.kind.removesuffix("s"), point, known)
        pairs = grid.transfers if dial.kind == "hosts" else grid.dataset_pairs
        if not any(all(getattr(pair, end) == point for end in ENDS[dial.of]) for pair in pairs):
            where, ends = ("transfers", "dataset_pairs")[dial.kind == "datasets"], " and ".join(ENDS[dial.of])
            said = f"expected an entry in `grid.{where}` with `{point}` as its {ends} (`of: {dial.of}`), there is none."
            yield f"{key}.{dial.kind}.{index}", said


def _shown(values: list[float]) -> str:
    return f"[{', '.join(f'{value:g}' for value in values)}]"


def told_of_dials(study: Study) -> JsonObject:
    """Each dial by its name: the columns of a move that must be a point's name, ``points`` (name to value), where
    these lie on the scale (``places``, in their order), ``label`` and ``scale``."""
    return {
        name: {
            "columns": [f"{end}_{dial.kind.removesuffix('s')}" for end in ENDS[dial.of]],
            "points": dict(zip(dial.points, dial.values, strict=True)),
            "places": dial.places,
            "label": dial.label or name,
            "scale": dial.scale,
        }
        for name, dial in study.config.dials.items()
    }

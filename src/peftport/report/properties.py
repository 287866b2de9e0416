"""What the study says about structure and portability: the typology joined with what was measured, in words."""

from dataclasses import dataclass

import pandas as pd

from peftport.figures.style import signed, techniques_of, title
from peftport.figures.technique_properties import MEASURES, measure
from peftport.report.numbers import NONE, Grid
from peftport.report.phrases import ALPHA, count, listing, moment, percent
from peftport.statistics.families import holm
from peftport.statistics.properties import Outcome, Pair, Split, order_test, pairs, split_test, splits
from peftport.storage.tables import Row

PROPERTIES = {
    "intra_connectivity": "intra-connectivity",
    "inter_connectivity": "inter-connectivity",
    "parameter_adaptation": "parameter adaptation",
    "parameter_sharing": "parameter sharing",
    "input_type": "input type",
    "insertion_form": "insertion form",
    "number_of_insertions": "number of insertions",
    "integration_form": "integration form",
    "workspace": "workspace",
}
MANY = 8  # pairs above which only their number is said


@dataclass(frozen=True)
class Structure:
    """The section: sentences; what techniques are, add and take; and on what machine the times were taken."""

    sentences: list[str]
    typology: Grid
    added: Grid
    taken: Grid
    machine: str


def structure(tables: dict[str, pd.DataFrame]) -> Structure | None:
    """The section on techniques; None where the table `techniques` is not given.

    Args:
        tables: `techniques` and, for comparisons by seed, `runs`.
    """
    table = tables.get("techniques")
    if table is None or table.empty:
        return None
    machine = listing(list(dict.fromkeys(table["machine"])))
    return Structure(findings(table, tables.get("runs")), typology(table), added(table), taken(table), machine)


def findings(table: pd.DataFrame, runs: pd.DataFrame | None) -> list[str]:
    """What the study at hand supports and what it cannot, in sentences."""
    name = measure(table)
    if name is None:
        return ["No module was ported, so nothing can be said about structure and portability."]
    values, scores = described(table, name)
    unknown = [title(technique) for technique in techniques_of(table) if technique not in values.index]
    if scores.empty:
        return [f"The typology or the measurement is missing for {listing(unknown)}: nothing can be said here."]
    budget = "" if runs is None or runs.empty else f" {moment(int(runs['budget_steps'].min()))}"
    said = [
        f"Portability is the mean {MEASURES[name]} of ported modules{budget}, over the target hosts: "
        f"{listing([f'{title(technique)} {_shown(scores[technique], name)}' for technique in scores.index])}."
    ]
    if unknown:
        said.append(f"Left out, since the typology or the measurement is missing: {listing(unknown)}.")
    if len(scores) < 2:
        return [*said, "With one technique, nothing can be said about properties of techniques."]
    divided = splits(values)
    said += [_constant(split, values) for split in divided if split.is_constant]
    said += _splits([split for split in divided if not split.is_constant and not split.names_each], scores, name)
    said += [_names_each(split) for split in divided if split.names_each]
    said.append(_parameters(table, scores))
    alone = pairs(values, runs) if runs is not None and len(runs) else []
    return [*said, *_pairs(alone, table), _conclusion(divided, alone)]


def described(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Properties and portability of the techniques that have both, in the order of figures."""
    first = table.drop_duplicates("technique").set_index("technique")
    values = first.loc[techniques_of(table), list(PROPERTIES)].dropna()
    hosts = table.pivot(index="target_host", columns="technique", values=name)
    shared = hosts.dropna()
    scores = (shared if len(shared) else hosts).mean().reindex(values.index).dropna()
    return values.loc[scores.index], scores


def _shown(score: float, name: str) -> str:
    return {"recovered_gap": percent(score), "ported_accuracy": f"{score:.2f}"}.get(name, f"{signed(score)} points")


def _named(names: tuple[str, ...]) -> str:
    return listing([PROPERTIES[name] for name in names])


def _constant(split: Split, values: pd.DataFrame) -> str:
    same = listing([f"{PROPERTIES[name]} ({values[name].iloc[0]})" for name in split.properties])
    return f"All techniques here have the same {same}: this study says nothing about that."


def _splits(divided: list[Split], scores: pd.Series, name: str) -> list[str]:
    """How each way to split the techniques reads against portability; p-values after Holm's correction over them."""
    outcomes = [split_test(scores, split) for split in divided]
    able = [outcome.smallest < ALPHA for outcome in outcomes]
    corrected = iter(holm([o.p_value for o, can in zip(outcomes, able, strict=True) if can]))
    return [
        f"{_split(split, scores, name)} {_chance(outcome, len(scores), next(corrected) if can else None)}"
        for split, outcome, can in zip(divided, outcomes, able, strict=True)
    ]


def _split(split: Split, scores: pd.Series, name: str) -> str:
    """The means of the groups, and what else splits the techniques alike."""
    parts = [
        f"{value} ({listing([title(technique) for technique in names])}): {_shown(scores[list(names)].mean(), name)}"
        for value, names in split.groups.items()
    ]
    properties = _named(split.properties)
    text = f"{properties[0].upper()}{properties[1:]}: {'; '.join(parts)}."
    if len(split.properties) > 1:
        text += " These vary together here, so the study cannot tell one from the other."
    return text


def _chance(outcome: Outcome, techniques: int, p_value: float | None) -> str:
    """Whether the difference may be chance; ``p_value`` is corrected, None where so few techniques cannot tell."""
    if p_value is None:
        few = f"With {techniques} techniques split like this, no p-value under {outcome.smallest:.2f} is possible"
        return f"{few}: the difference may be chance."
    told = "more than chance gives" if p_value < ALPHA else "not told from chance"
    return f"The difference is {told} (p = {p_value:.3f})."


def _names_each(split: Split) -> str:
    verb = "takes" if len(split.properties) == 1 else "take"
    named = _named(split.properties)
    return f"{named[0].upper()}{named[1:]} {verb} another value for every technique: another name for it, and no more."


def _parameters(table: pd.DataFrame, scores: pd.Series) -> str:
    """Whether portability goes with the number of parameters."""
    sizes = table.groupby("technique")["parameters"].mean()[scores.index]
    if sizes.nunique() == 1:
        return f"All techniques have {sizes.iloc[0]:,.0f} parameters, so size explains nothing here."
    order = order_test(scores, sizes)
    text = f"Portability and number of parameters: rank correlation {order.effect:+.2f}".replace("-", "\N{MINUS SIGN}")
    if order.smallest >= ALPHA:
        return f"{text}; with {len(scores)} techniques no p-value under {order.smallest:.2f} is possible."
    return f"{text} (p = {order.p_value:.3f})."


def _pairs(alone: list[Pair], table: pd.DataFrame) -> list[str]:
    """Techniques that differ in one property only."""
    if len(alone) > MANY:
        alone = sorted(alone, key=lambda pair: -abs(pair.difference))[:MANY]
    sizes, inserted = (table.groupby("technique")[name].mean() for name in ("parameters", "insertions"))
    methods, said = table.groupby("technique")["method"].first(), []
    for pair in alone:
        both = (pair.first, pair.second)
        numbers = " against ".join(f"{sizes[technique]:,.0f}" for technique in both)
        places = " against ".join(f"{inserted[technique]:,.0f}" for technique in both)
        gap = f"{signed(pair.difference)} points of accuracy"
        if pair.low is not None:
            gap += f" [{signed(pair.low)}, {signed(pair.high)}], 95% interval over {count(pair.seeds, 'seed')}"
        names, other = f"{title(pair.first)} and {title(pair.second)}", f"{numbers} parameters, {places} insertions"
        if methods[pair.first] != methods[pair.second]:
            other += "; two methods, which may differ in more than the nine"
        said.append(f"{names} differ in {PROPERTIES[pair.property]} alone of the nine: {gap} ({other}).")
    return said


def _conclusion(found: list[Split], alone: list[Pair]) -> str:
    """What the design of the study allows to say at all."""
    varied = [name for split in found if not split.is_constant for name in split.properties]
    if not varied:
        return "No property varies in this study, so it supports no statement about any."
    if not alone:
        return (
            "No two techniques here differ in one property alone, so no difference in portability can be put down to a "
            "property; the figure describes these techniques and no more."
        )
    isolated = list(dict.fromkeys(pair.property for pair in alone))
    rest = [name for name in varied if name not in isolated]
    text = f"What this study can speak to is {_named(tuple(isolated))}, varied alone"
    return f"{text}; {_named(tuple(rest))} only together with other properties." if rest else f"{text}."


def typology(table: pd.DataFrame) -> Grid:
    """The nine properties of every technique, one row per technique."""
    first = table.drop_duplicates("technique").set_index("technique")
    rows = [
        [title(name), *(NONE if pd.isna(value) else str(value) for value in first.loc[name, list(PROPERTIES)])]
        for name in techniques_of(table)
    ]
    return Grid(["technique", *PROPERTIES.values()], rows, 1 + len(PROPERTIES))


def added(table: pd.DataFrame) -> Grid:
    """What every technique adds to each target host."""
    heads = ["technique", "host", "formula", "parameters", "per encoder layer", "per decoder layer", "in no layer"]
    columns = [
        "parameters",
        *(f"{place}_parameters" for place in ("encoder_layer", "decoder_layer", "other", "shared")),
    ]
    rows = []
    for row in _ordered(table):
        numbers = [f"{row[name]:,}" for name in (*columns, "insertions")] + [f"{row['storage_bytes'] / 1024:,.1f}"]
        formula = NONE if pd.isna(row["formula"]) else row["formula"]
        rows.append([title(row["technique"]), row["target_host"], formula, *numbers])
    return Grid([*heads, "shared", "insertions", "file, KiB"], rows, 3)


def taken(table: pd.DataFrame) -> Grid:
    """What every technique takes in each target host, and how it learns there."""
    heads = ["technique", "host", "step / full", "step / forward", "latency", "memory / full", "memory / forward"]
    ratios = ["step_over_full", "step_over_bare", "forward_over_bare", "step_bytes_over_full", "step_bytes_over_bare"]
    rows = []
    for row in _ordered(table):
        numbers = [*(_or_none(row[name], "{:.2f}") for name in ratios), _or_none(row["steps_to_95_percent"], "{:,.0f}")]
        numbers.append(_or_none(100 * row["ported_seed_deviation"], "{:.1f}"))
        rows.append([title(row["technique"]), row["target_host"], *numbers])
    return Grid([*heads, "steps to 95%", "seed deviation"], rows, 2)


def _ordered(table: pd.DataFrame) -> list[Row]:
    """Rows in the order of techniques."""
    order = {name: index for index, name in enumerate(techniques_of(table))}
    return table.sort_values("technique", key=lambda names: names.map(order), kind="stable").to_dict("records")


def _or_none(value: float, form: str) -> str:
    return NONE if pd.isna(value) else form.format(value)

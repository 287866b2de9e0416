"""Whether the tensors of an adapter have the sizes of their sites, and the rank that its config says."""

from collections import defaultdict
from collections.abc import Iterator

from peftport.adapters.case import Case
from peftport.adapters.patterns import Unmatchable
from peftport.adapters.targets import ByPattern
from peftport.adapters.verdict import Reason

# kind of site to what its inputs and outputs are, so that a reader knows which map an unequal size needs
WIDTH, HEADS, UNITS, TOKENS = "the model's width", "the heads", "the feed-forward units", "the tokens"
AXES = {
    **dict.fromkeys(("q", "k", "v", "qkv"), (WIDTH, HEADS)),
    **dict.fromkeys(("wi", "wi_0", "wi_1", "wi_01"), (WIDTH, UNITS)),
    **{"o": (HEADS, WIDTH), "wo": (UNITS, WIDTH)},
}
# tensors of LoRA: which of its sizes is the rank, and which is the site's input (0) or output (1)
LORA = {
    "lora_A.weight": (0, 1, 0),
    "lora_B.weight": (1, 0, 1),
    "lora_embedding_A": (0, 1, 0),
    "lora_embedding_B": (1, 0, 1),
}


def reasons(case: Case) -> Iterator[Reason]:
    """Sizes against the host, and ranks against the config."""
    if case.config.prompt:
        yield from _prompt(case)
    elif case.config.peft_type == "LORA":
        yield from _lora(case)
        yield from _ranks(case)
    else:
        yield from _by_the_hosts(case)


def _prompt(case: Case) -> Iterator[Reason]:
    width = next((case.new.config[key] for key in ("hidden_size", "d_model", "n_embd") if key in case.new.config), None)
    for name, fact in case.adapter.tensors.items():
        if name.endswith("prompt_embeddings") and width is not None and fact.shape[-1:] != (width,):
            text = f"its prompt is {fact.shape[-1] if fact.shape else 1} wide and the host {width}: {_needs({WIDTH})}"
            yield Reason("shapes", "map", text, (name,))


def _lora(case: Case) -> Iterator[Reason]:
    unequal: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    strange, checked = [], 0
    for site, parts in case.sites.tensors.items():
        weight = case.new_modules.weights.get(site)
        for what, name in parts.items():
            shape, axes = case.adapter.tensors[name].shape, LORA.get(what)
            if axes is None or weight is None:
                continue
            if len(shape) != 2 or len(weight) != 2:
                strange.append(name)
                continue
            checked += 1
            embedding = what.startswith("lora_embedding")
            # the table of an embedding is (tokens, width): its input are the tokens
            here = shape[axes[1]], (weight if embedding else weight[::-1])[axes[2]]
            if here[0] != here[1]:
                unequal[_axis(case, site, axes[2], embedding), *here].append(site)
    for (axis, one, other), sites in unequal.items():
        text = f"{one} in the adapter and {other} in the host at {len(sites)} sites: {_needs({axis})}"
        yield Reason("shapes", "map", text, tuple(sites))
    if strange:
        text = "tensors of sites that are no matrices, whose sizes are not known here"
        yield Reason("shapes", "unknown", text, tuple(strange))
    if checked and not unequal:
        yield Reason("shapes", "same", f"the sizes of {checked} tensors are those of their sites")


def _axis(case: Case, site: str, side: int, embedding: bool) -> str:
    if embedding:
        return (TOKENS, WIDTH)[side]
    family = case.new.family
    for kind, axes in AXES.items():
        if family is not None and kind in family.sites:
            ends = {template.rpartition(".")[2] for _, template in family.sites[kind]}
            if site.rpartition(".")[2] in ends:
                return axes[side]
    return ("what the site reads", "what the site gives")[side]


def _needs(axes: set[str]) -> str:
    return f"a map of {' and of '.join(sorted(axes))} is needed"


def _ranks(case: Case) -> Iterator[Reason]:
    """Ranks of the tensors against ``r`` and ``rank_pattern``; keys of patterns that mean no site."""
    config = case.config
    try:
        tables = {"rank_pattern": ByPattern(config.rank_pattern), "alpha_pattern": ByPattern(config.alpha_pattern)}
        keys = {name: {site: table.key(site) for site in case.sites.tensors} for name, table in tables.items()}
    except Unmatchable as error:
        yield Reason("ranks", "unknown", f"which ranks the config means cannot be told: {error}")
        return
    wrong = []
    for site, parts in case.sites.tensors.items():
        key = keys["rank_pattern"][site]
        said = config.rank if key is None else config.rank_pattern[key]
        for what, name in parts.items():
            if what in LORA and (shape := case.adapter.tensors[name].shape)[LORA[what][0] :][:1] != (said,):
                wrong.append(f"{name} {'x'.join(map(str, shape))} (rank {said} said)")
    if wrong:
        yield Reason("ranks", "impossible", "tensors of another rank than its config says", tuple(wrong))
    for name, table in tables.items():
        used = set(keys[name].values())
        if idle := tuple(key for key in (*table.plain, *(key for _, key, _ in table.others)) if key not in used):
            text = f"keys of {name} that mean none of its sites, as those of another model"
            yield Reason("ranks", "copy", text, idle)


def _by_the_hosts(case: Case) -> Iterator[Reason]:
    """Of other types it is not known here which sizes they have, but equal sites have equal ones."""
    kind = case.config.peft_type
    if case.old_modules is None:
        text = f"the sizes of {kind} tensors are only known by their host: give it (--trained-in)"
        yield Reason("shapes", "unknown", text)
        return
    old, new = case.old_modules.weights, case.new_modules.weights
    unequal = tuple(site for site in case.sites.tensors if old.get(site) != new.get(site))
    if unequal:
        yield Reason("shapes", "map", "sites that are not of one size in both hosts: a map is needed", unequal)
    else:
        yield Reason("shapes", "same", "its sites are of one size in both hosts")

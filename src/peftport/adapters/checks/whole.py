"""Tensors of an adapter's file that no technique added: heads of its own, and what belongs to a host."""

from collections.abc import Iterator, Mapping

from peftport.adapters.case import Case
from peftport.adapters.host_files import HostFiles
from peftport.adapters.verdict import Reason

OWN_HEADS = ("classifier", "score", "pre_classifier", "classification_head", "qa_outputs", "v_head")


def reasons(case: Case) -> Iterator[Reason]:
    """Heads that belong to the adapter, tensors that would stand in place of the host's, and what is none of these."""
    heads, hosts, others = [], [], []
    saved = set(case.config.modules_to_save)
    for name, path in case.sites.whole.items():
        plain = path.replace(".base_layer.", ".").replace(".modules_to_save.", ".").replace(".default.", ".")
        parts = plain.split(".")
        if not saved.isdisjoint(parts) and not set(OWN_HEADS).isdisjoint(parts):
            heads.append(name)
        elif plain in case.new_modules.tensors or plain.rpartition(".")[0] in case.new_modules.names:
            hosts.append(name)
        else:
            others.append(name)
    if heads:
        number = outputs_of_head(case.new, {name: case.adapter.tensors[name].shape for name in heads})
        having = "" if number is None else f" with {number} outputs"
        text = f"it brings a head of its own{having}, which goes with it into a host that is read with "
        text += "`head: classification`; no file says which output is which label (`labels` does)"
        yield Reason("head", "copy", text, tuple(heads))
        yield from _layers_before(case)
    if hosts:
        size = sum(case.adapter.tensors[name].size for name in hosts)
        share = 100 * size / max(sum(fact.size for fact in case.adapter.tensors.values()), 1)
        text = f"weights of a host are in its file ({share:.3g}% of its bytes), and would stand in place of this host's"
        yield Reason("weights", "impossible", text, tuple(hosts))
    if others:
        text = "tensors of which it is not known what they are: no technique's, and not named in modules_to_save"
        yield Reason("weights", "unknown", text, tuple(others))
    there = {part for path in case.sites.whole.values() for part in path.split(".")}
    here = {part for name in case.new_modules.names for part in name.split(".")}
    # with a task type peft also names heads of other families
    if absent := tuple(sorted(part for part in saved - there if not heads or part in here)):
        text = "modules_to_save that its file has no tensors for; the host's own would take their place"
        yield Reason("head", "copy", text, absent)


def outputs_of_head(host: HostFiles, shapes: Mapping[str, tuple[int, ...]]) -> int | None:
    """How many outputs a classification head has that is among tensors of these names and shapes; None for no head."""
    paths = host.family.classification if host.family is not None else ()
    last = paths[-1].rpartition(".")[2] if paths else ""
    rows = [shape[0] for name, shape in sorted(shapes.items()) if last in name.split(".") and shape]
    return rows[-1] if rows else None


def _layers_before(case: Case) -> Iterator[Reason]:
    """The layer before the outputs, where it is neither in the adapter nor in the host."""
    before = case.new.family.classification[:-1] if case.new.family is not None else ()
    there = [*case.new_modules.tensors, *case.sites.whole.values()]
    for path in before:
        if not any(f".{path.rpartition('.')[2]}." in f".{name}" for name in there):
            text = (
                f"its head reads what {path} computes, which is neither in its file nor in the host's: peft would draw "
            )
            yield Reason("head", "impossible", f"{text}it at random, as it did where the adapter was trained")

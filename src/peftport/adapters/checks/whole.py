"""Tensors of an adapter's file that no technique added: heads of its own, and what belongs to a host."""

from collections.abc import Iterator

from peftport.adapters.case import Case
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
        text = "it brings a head of its own, which goes with it into a host that is read with `head: classification`"
        yield Reason("head", "copy", text, tuple(heads))
    if hosts:
        size = sum(case.adapter.tensors[name].size for name in hosts)
        share = 100 * size / max(sum(fact.size for fact in case.adapter.tensors.values()), 1)
        text = f"weights of a host are in its file ({share:.3g}% of its bytes), and would stand in place of this host's"
        yield Reason("weights", "impossible", text, tuple(hosts))
    if others:
        text = "tensors of which it is not known what they are: no technique's, and not named in modules_to_save"
        yield Reason("weights", "unknown", text, tuple(others))
    there = {part for path in case.sites.whole.values() for part in path.split(".")}
    if absent := tuple(sorted(saved - there)):
        text = "modules_to_save that its file has no tensors for; the host's own would take their place"
        yield Reason("head", "copy", text, absent)

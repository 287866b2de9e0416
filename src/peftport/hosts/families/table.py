"""The families of hosts by transformers' ``model_type``. Each is one module, imported when it is asked for.

A family's module has ``describe(name) -> Family`` (``peftport.hosts.sites``). To add one, write its file and add its
line here: docs/add-a-host-family.md.
"""

from typing import TYPE_CHECKING

from peftport.registry import import_entry

if TYPE_CHECKING:
    from peftport.hosts.sites import Family

FAMILIES = {
    "t5": "peftport.hosts.families.t5",
    "mt5": "peftport.hosts.families.t5",
    "umt5": "peftport.hosts.families.t5",
    "bart": "peftport.hosts.families.bart",
    "bert": "peftport.hosts.families.bert",
    "roberta": "peftport.hosts.families.bert",
    "xlm-roberta": "peftport.hosts.families.bert",
    "electra": "peftport.hosts.families.bert",
    "deberta-v2": "peftport.hosts.families.bert",
    "distilbert": "peftport.hosts.families.distilbert",
    "modernbert": "peftport.hosts.families.modernbert",
    "gpt2": "peftport.hosts.families.gpt2",
    "llama": "peftport.hosts.families.llama",
}


def family(model_type: str) -> "Family":
    """The family of a host, by transformers' ``model_type``.

    Raises:
        ValueError: no such family; the message lists the known ones.
    """
    return import_entry("family of hosts", model_type, FAMILIES).describe(model_type)

"""Which kinds of datasets a study's hosts can do."""

from collections.abc import Mapping

from peftport.hosts.families.table import FAMILIES
from peftport.storage.provenance import JsonObject
from peftport.study.study import Study
from peftport.tasks.table import refusal


def kind_complaint(study: Study, declared: Mapping[str, JsonObject | None]) -> tuple[str, str] | None:
    """The first kind of a dataset that a host cannot do: key and message; None if nothing.

    Args:
        declared: of each host what is known before it is there.
    """
    for host, facts in declared.items():
        if facts is None or facts["model_type"] not in FAMILIES:
            continue
        lm_type = study.lm_type(host, facts["model_type"])
        for name in study.datasets:
            kind = study.config.datasets[name].kind
            if (reason := refusal(kind, lm_type)) is not None:
                return f"datasets.{name}.{kind}", (
                    f"the host `{host}` ({facts['model_type']}) cannot do it: {reason}. Expected a causal or an "
                    "encoder-decoder host."
                )
    return None

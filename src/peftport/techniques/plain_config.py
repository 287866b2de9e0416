"""peft's config as plain JSON values: equal for equal modules in every process, and without machine paths."""

import enum
import json
from typing import Any

from peft import PeftConfig

from peftport.storage.provenance import JsonObject

# what peft writes about the host into a prompt's config; left out, so that every host gives its own
HOST_FIELDS = ("token_dim", "num_layers", "num_attention_heads")


def plain(config: PeftConfig, host_name: str | None = None) -> JsonObject:
    """What goes into ``adapter_config.json``.

    Args:
        host_name: the host's name for ``base_model_name_or_path``, if it should be there.
    """
    fields = config.to_dict()
    fields |= {"base_model_name_or_path": host_name, "inference_mode": True, "auto_mapping": None, "revision": None}
    fields |= {name: None for name in HOST_FIELDS if name in fields}
    return json.loads(json.dumps(fields, default=_plain, sort_keys=True))


def _plain(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, enum.Enum):
        return value.value
    raise TypeError(f"no JSON for {value!r}")

"""The tensors of a module as a table."""

import numpy as np
import pandas as pd

from peftport.storage.modules import TENSOR_NAME, Module


def describe(module: Module) -> pd.DataFrame:
    """One row per tensor, the table ``tensors``: where it sits, its shape, mean, standard deviation and norm."""
    rows, shape = [], module.card.get("host_shape", {})
    only = "encoder" if shape.get("encoder_layers") and not shape.get("decoder_layers") else "decoder"
    for name, tensor in module.tensors.items():
        match, values = TENSOR_NAME.search(name), tensor.astype(np.float64)
        stack = "shared" if match is None else match["stack"] or only
        rows.append(
            {
                "name": name,
                "stack": stack,
                "layer": int(match["layer"]) if match else -1,
                "site": match["site"] if match else name.removeprefix("base_model."),
                "shape": "x".join(str(size) for size in tensor.shape),
                "entries": tensor.size,
                "mean": values.mean(),
                "standard_deviation": values.std(),
                "norm": float(np.sqrt((values**2).sum())),
            }
        )
    return pd.DataFrame(rows)

"""What an optimiser trains, and what it keeps for its next step, as a checkpoint holds it."""

from typing import Any

import torch


def optimiser_state(optimiser: torch.optim.Optimizer) -> dict[str, Any]:
    """Parameters and moments as arrays; see ``peftport.jobs.checkpoints.State``. Learning rates are not among them."""
    kept = optimiser.state_dict()["state"]
    return {
        "parameters": [tensor.detach().cpu().numpy() for tensor in _parameters(optimiser)],
        "moments": {
            str(place): {name: tensor.cpu().numpy() for name, tensor in own.items()} for place, own in kept.items()
        },
    }


def load_optimiser_state(optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Put back what ``optimiser_state`` gave, into an optimiser of the same parameters."""
    with torch.no_grad():
        for parameter, array in zip(_parameters(optimiser), state["parameters"], strict=True):
            parameter.copy_(torch.tensor(array))
    moments = {
        int(place): {name: torch.tensor(array) for name, array in own.items()}
        for place, own in state["moments"].items()
    }
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})


def _parameters(optimiser: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]

"""A masked language model's head for encoders that are trained further and have none, such as MiniLM.

It is made for the training and not saved: the head of the family, its decoder tied to the input embeddings, the rest
drawn from the seed. It is first trained alone, so that the encoder is not moved by a head that knows nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from transformers import PreTrainedModel

from peftport.host_building.weight_kinds import let_train
from peftport.hosts.classification_head import classifying, is_passed_over, without_report
from peftport.hosts.load import load_model, model_type_of, read_weights, refuse_unfit, weight_files
from peftport.hosts.recipe_settings import FurtherHostSettings
from peftport.prompting.lm_types.table import lm_type
from peftport.seeds import derive

ALONE = {"steps": 100, "warmup_steps": 5, "learning_rate": 0.001, "weight_decay": 0.0}  # of the head


@dataclass(frozen=True)
class Trainable:
    """A host with all that its objective needs.

    Attributes:
        model: with a language-model head.
        made: names of parameters that the host's files do not have; they are not saved.
    """

    model: PreTrainedModel
    made: frozenset[str] = frozenset()

    def train_made(self) -> None:
        """Give a gradient to what was made, and to nothing else."""
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(name in self.made)

    def train(self, weights: str | Sequence[str]) -> int:
        """Give a gradient to the weights that train, and to what was made; the number of the host's own among them."""
        let_train(self.model, weights)
        own = {name: tensor for name, tensor in self.model.named_parameters() if name not in self.made}
        count = sum(tensor.numel() for tensor in own.values() if tensor.requires_grad)
        for name in self.made & dict(self.model.named_parameters()).keys():
            self.model.get_parameter(name).requires_grad_(True)
        return count


def load_trainable(folder: Path, seed: int, classifies: bool) -> Trainable:
    """A host as it is trained further.

    Args:
        seed: what a head that the files lack is drawn from.
        classifies: whether the host answers with a classification head, so that its files may lack another.

    Raises:
        ValueError: the files are no such host.
    """
    if not classifies:
        return Trainable(load_model(folder))
    kind = classifying(model_type_of(folder))
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())), without_report():
        torch.manual_seed(derive(seed, "masked head"))
        model, found = read_weights(folder, kind, lm_type(kind.lm_type).MODEL)
    prefix, ends = model.base_model_prefix, [path.rpartition(".")[2] for path in kind.classification]
    made = frozenset(name for name in found["missing_keys"] if re.fullmatch(kind.language_model_head, name))
    found["missing_keys"] -= made
    found["unexpected_keys"] = {
        name
        for name in found["unexpected_keys"]
        if not is_passed_over(name, kind, prefix) and name.removeprefix(f"{prefix}.").partition(".")[0] not in ends
    }
    refuse_unfit(folder, found)
    return Trainable(model.eval().requires_grad_(False), made)


def alone(recipe: FurtherHostSettings) -> FurtherHostSettings:
    """How the made head is trained before the host is."""
    return recipe.model_copy(update=ALONE)


def saved_tensors(model: PreTrainedModel, base: Path) -> dict[str, torch.Tensor]:
    """The tensors of a host's files under their own names, with what training made of them; nothing else is saved.

    Args:
        base: the host that was trained further.
    """
    state, tensors = model.state_dict(), {}
    for file in weight_files(base):
        with safe_open(file, "pt") as read:
            for name in read.keys():  # noqa: SIM118 - no dict
                spelled = [name, f"{model.base_model_prefix}.{name}"]
                here = next((state[one] for one in spelled if one in state), None)
                tensors[name] = read.get_tensor(name) if here is None else here.contiguous()
    return tensors

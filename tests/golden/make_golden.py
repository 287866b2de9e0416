"""Make the golden files anew: logits of tiny hosts with modules of *other* implementations than ours.

    pip install -r requirements.txt                     (in an environment of its own, see README.md)
    python make_golden.py FOLDER TINY_ATTENTION

``FOLDER`` receives the files. ``TINY_ATTENTION`` is a checkout of the authors' code, github.com/cindermond/tiny-attn,
of which nothing is copied here. Every weight is drawn with NumPy from a seed that is the CRC-32 of its name and its
file's, so weights come out the same everywhere; logits may differ in the last bits from machine to machine.
"""

import argparse
import datetime
import hashlib
import json
import platform
import sys
import zlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import adapters
import numpy as np
import torch
import transformers
from safetensors.numpy import save_file
from torch import Tensor, nn

NAME = "golden"  # of every module within its host
PAD, START, ROWS, LENGTH, TARGETS = 0, 0, 3, 7, 4

BERT = {"vocab_size": 64, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
HOSTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "bert": ("BertForMaskedLM", "BertConfig", BERT | {"max_position_embeddings": 16}),
    "roberta": ("RobertaForMaskedLM", "RobertaConfig", BERT | {"max_position_embeddings": 16, "pad_token_id": PAD}),
    "gpt2": (
        "GPT2LMHeadModel",
        "GPT2Config",
        {"vocab_size": 64, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 16, "n_inner": 24},
    ),
    # heads * d_kv is not d_model, the feed-forward is gated and the head is its own: as in T5 v1.1 and Flan-T5
    "t5": (
        "T5ForConditionalGeneration",
        "T5Config",
        {"vocab_size": 64, "d_model": 16, "d_kv": 4, "num_heads": 6, "d_ff": 24, "num_layers": 2}
        | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "decoder_start_token_id": START}
        | {"relative_attention_num_buckets": 8, "relative_attention_max_distance": 12},
    ),
}
BOTTLENECK = {"mh_adapter": True, "output_adapter": True, "reduction_factor": 4}
# technique to the class of the adapters library that describes it, and its settings
LIBRARY: dict[str, tuple[str, dict[str, Any]]] = {
    "adapters": ("DoubleSeqBnConfig", BOTTLENECK | {"non_linearity": "swish"}),
    "compacter": ("CompacterConfig", BOTTLENECK | {"non_linearity": "gelu", "phm_dim": 2, "phm_rank": 2}),
    "lora": ("LoRAConfig", {"r": 3, "alpha": 5, "attn_matrices": ["q", "v"]}),
    "prefix_tuning": ("PrefixTuningConfig", {"prefix_length": 3, "bottleneck_size": 5}),
    "prefix_tuning_flat": ("PrefixTuningConfig", {"prefix_length": 3, "flat": True}),
    "ia3": ("IA3Config", {"attn_matrices": ["k", "v"], "intermediate_lora": True}),
    "ia3_attention": ("IA3Config", {"attn_matrices": ["k", "v"], "intermediate_lora": False}),
}
CROSS = {("t5", "adapters"): {"cross_adapter": True}}
NO_POSITIONS = "t5-prefix_tuning-without_positions"
TINY = {"attention_embd": 4, "attention_head": 2, "attention_dropout": 0.1}
PROMPT = 3


def drawn(file: str, name: str, shape: torch.Size) -> Tensor:
    """N(0, 1), always the same for this file and name."""
    generator = np.random.default_rng(zlib.crc32(f"{file}/{name}".encode()))
    return torch.from_numpy(generator.standard_normal(tuple(shape), np.float32))


def fill(parameters: dict[str, nn.Parameter], file: str, scale: Callable[[str, Tensor], tuple[float, float]]) -> None:
    """Overwrite parameters with N(mean, std) as ``scale`` says for each."""
    with torch.no_grad():
        for name, parameter in parameters.items():
            mean, std = scale(name, parameter)
            parameter.copy_(mean + std * drawn(file, name, parameter.shape))


def host_scale(name: str, parameter: Tensor) -> tuple[float, float]:
    """Activations of size one, with norms and biases that are not trivial."""
    lower = name.lower()
    if "norm.weight" in lower or ("ln_" in lower and lower.endswith("weight")):
        return 1.0, 0.2
    if parameter.dim() < 2:
        return 0.0, 0.2
    table = any(part in lower for part in ("embed", "shared", "wte", "wpe", "relative_attention_bias"))
    return 0.0, 1.0 if table else 1.5 * parameter.shape[-1] ** -0.5


def module_scale(name: str, parameter: Tensor) -> tuple[float, float]:
    """Far from any initialisation: norms around one, all else wide around zero."""
    return (1.0, 0.3) if "norm.weight" in name else (0.0, 0.5)


def ia3_scale(name: str, parameter: Tensor) -> tuple[float, float]:
    """Around one, where (IA)3 begins, but far enough that some factors are negative."""
    return 1.0, 0.7


def make_host(name: str) -> transformers.PreTrainedModel:
    """A tiny host in evaluation mode."""
    model_class, config_class, settings = HOSTS[name]
    config = getattr(transformers, config_class)(attn_implementation="eager", **settings)
    host = getattr(transformers, model_class)(config).eval()
    fill(dict(host.named_parameters()), name, host_scale)
    return host


def make_inputs(name: str) -> dict[str, Tensor]:
    """Token ids with padding on the right of all rows but the first; T5 also reads decoder ids."""
    generator = np.random.default_rng(zlib.crc32(f"{name}/inputs".encode()))
    ids = torch.from_numpy(generator.integers(2, 64, (ROWS, LENGTH)))
    mask = torch.arange(LENGTH)[None, :] < LENGTH - 2 * torch.arange(ROWS)[:, None]
    inputs = {"input_ids": ids.where(mask, torch.tensor(PAD)), "attention_mask": mask.long()}
    if name == "t5":
        decoder = torch.from_numpy(generator.integers(2, 64, (ROWS, TARGETS)))
        decoder[:, 0] = START
        inputs["decoder_input_ids"] = decoder
    return inputs


def library_module(host_name: str, technique: str, file: str, without_positions: bool = False):
    """A module of the adapters library in its host: its tensors and the logits."""
    config_class, settings = LIBRARY[technique]
    config = getattr(adapters, config_class)(**settings | CROSS.get((host_name, technique), {}))
    host, inputs = make_host(host_name), make_inputs(host_name)
    if without_positions:
        for name, parameter in host.named_parameters():
            if "relative_attention_bias" in name:
                nn.init.zeros_(parameter)
    adapters.init(host)
    host.add_adapter(NAME, config=config)
    host.set_active_adapters(NAME)
    host.eval()
    own = {name: parameter for name, parameter in host.named_parameters() if f".{NAME}." in name}
    fill(own, file, ia3_scale if technique.startswith("ia3") else module_scale)
    return own, host(**inputs).logits


def prompt(host_name: str, file: str):
    """A prompt put before the embedded text by hand: the formula itself on a plain host, no library."""
    host, inputs = make_host(host_name), make_inputs(host_name)
    table = drawn(file, "prompt", torch.Size((PROMPT, host.config.hidden_size)))
    text = host.get_input_embeddings()(inputs.pop("input_ids"))
    inputs["inputs_embeds"] = torch.cat([table.expand(ROWS, -1, -1), text], dim=1)
    inputs["attention_mask"] = nn.functional.pad(inputs["attention_mask"], (PROMPT, 0), value=1)
    return {"prompt": table}, host(**inputs).logits


def tiny_roberta(authors: Any, file: str):
    """The authors' encoder (structure m0), with the host's weights in it, between the host's embeddings and head."""
    host, inputs = make_host("roberta"), make_inputs("roberta")
    width = host.config.hidden_size
    encoder = authors.RobertaEncoderBL(host.config, width, width, **TINY, structure="m0").eval()
    left = encoder.load_state_dict(host.roberta.encoder.state_dict(), strict=False)
    own = {name: parameter for name, parameter in encoder.named_parameters() if "tiny_attn" in name}
    assert sorted(left.missing_keys) == sorted(own) and not left.unexpected_keys
    fill(own, file, module_scale)
    embedded, mask = host.roberta.embeddings(inputs["input_ids"]), inputs["attention_mask"]
    extended = host.get_extended_attention_mask(mask, mask.shape)
    hidden = encoder(embedded, old_attention_mask=mask, attention_mask=extended).last_hidden_state
    return own, host.lm_head(hidden)


def tiny_t5(authors: Any, file: str):
    """The authors' module behind every self-attention sub-layer of T5; the place is ours, the module theirs.

    Their module knows no causal mask. In the decoder it is therefore called once per length of text, and only its
    last position is kept: what a causal mask means.
    """
    host, inputs = make_host("t5"), make_inputs("t5")
    width, own = host.config.d_model, {}

    def behind(module: nn.Module, causal: bool):
        def hook(layer: nn.Module, arguments: Any, output: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            hidden = output[0]
            if causal:
                seen = [module(hidden[:, : end + 1])[:, -1:] for end in range(hidden.shape[1])]
                return (hidden + torch.cat(seen, dim=1), *output[1:])
            return (hidden + module(hidden, inputs["attention_mask"]), *output[1:])

        return hook

    for stack in ("encoder", "decoder"):
        for layer, block in enumerate(getattr(host, stack).block):
            module = authors.TinyAttention(width, width, **TINY).eval()
            own |= {f"{stack}.block.{layer}.tiny_attn.{name}": one for name, one in module.named_parameters()}
            block.layer[0].register_forward_hook(behind(module, stack == "decoder"))
    fill(own, file, module_scale)
    return own, host(**inputs).logits


def authors_code(checkout: Path) -> tuple[Any, dict[str, str]]:
    """The authors' encoder module, and the digests of their two files."""
    # they import this function from where transformers no longer has it
    transformers.modeling_utils.apply_chunking_to_forward = transformers.pytorch_utils.apply_chunking_to_forward
    sys.path.insert(0, str(checkout))
    from rewriter.model import roberta_bl

    files = [f"rewriter/model/{name}.py" for name in ("roberta_bl", "tiny_attn")]
    return roberta_bl, {file: hashlib.sha256((checkout / file).read_bytes()).hexdigest() for file in files}


def write(folder: Path, file: str, tensors: dict[str, Tensor]) -> None:
    """Write one file of tensors."""
    plain = {name: np.ascontiguousarray(tensor.detach().numpy()) for name, tensor in tensors.items()}
    save_file(plain, folder / f"{file}.safetensors")


@torch.no_grad()
def main(folder: Path, checkout: Path) -> None:
    """Write every file and the index."""
    folder.mkdir(parents=True, exist_ok=True)
    authors, digests = authors_code(checkout)
    for name in HOSTS:
        host, inputs = make_host(name), make_inputs(name)
        weights = {f"host.{key}": parameter for key, parameter in host.named_parameters()}
        given = {f"inputs.{key}": tensor for key, tensor in inputs.items()}
        write(folder, name, weights | given | {"logits": host(**inputs).logits})
    makers = {f"{host}-{one}": (library_module, (host, one)) for host in ("bert", "gpt2", "t5") for one in LIBRARY}
    makers |= {f"{host}-prompt_tuning": (prompt, (host,)) for host in ("gpt2", "t5")}
    makers |= {"roberta-tiny_attention": (tiny_roberta, (authors,)), "t5-tiny_attention": (tiny_t5, (authors,))}
    makers[NO_POSITIONS] = (lambda file: library_module("t5", "prefix_tuning", file, without_positions=True), ())
    for file, (maker, arguments) in makers.items():
        own, logits = maker(*arguments, file)
        write(folder, file, {f"module.{key}": tensor for key, tensor in own.items()} | {"logits": logits})
    packages = ("adapters", "transformers", "torch", "numpy", "safetensors")
    index = {
        "made": {
            "date": datetime.date.today().isoformat(),
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
            "tiny_attention": digests,
        },
        "hosts": {name: {"model": one, "config": two, "settings": more} for name, (one, two, more) in HOSTS.items()},
        "library": {name: {"config": one, "settings": more} for name, (one, more) in LIBRARY.items()},
        "tiny_attention": TINY,
        "files": sorted(makers),
    }
    (folder / "index.json").write_text(json.dumps(index, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the files go")
    parser.add_argument("tiny_attention", type=Path, help="a checkout of github.com/cindermond/tiny-attn")
    asked = parser.parse_args()
    main(asked.folder, asked.tiny_attention)

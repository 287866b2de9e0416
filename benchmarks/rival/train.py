"""What the rival's two scripts share: a host, a dataset, a trainer and a test, as transformers and peft offer them.

It stands for the study as one would script it today: one process per run, every budget a training of its own,
transformers' ``Seq2SeqTrainer`` and peft (our techniques where peft has none). It is given the same hosts, examples,
module settings, steps, batch size, precision, label scoring and CPU threads as the workflow. Where a careful user
would save time, it does: batches are padded to their longest example, nothing is evaluated or saved on the way, and
the test is one decoder step for a batch of examples.
"""

import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerBase,
)


def load_host(folder: str) -> tuple[Any, PreTrainedTokenizerBase]:
    """The frozen host and its tokenizer."""
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, local_files_only=True)
    return model.requires_grad_(False), AutoTokenizer.from_pretrained(folder, local_files_only=True)


def examples(
    file: str, template: str, tokenizer: PreTrainedTokenizerBase, max_tokens: int | None
) -> list[dict[str, Any]]:
    """Tokenised prompts and answers of a split."""
    table = pd.read_parquet(file, columns=["text", "label"])
    prompts = [template.replace("{text}", text) for text in table["text"]]
    inputs = tokenizer(prompts, truncation=True, max_length=max_tokens)
    answers = tokenizer(text_target=list(table["label"]))["input_ids"]
    return [
        {"input_ids": ids, "attention_mask": mask, "labels": answer}
        for ids, mask, answer in zip(inputs["input_ids"], inputs["attention_mask"], answers, strict=True)
    ]


def train(
    model: Any, tokenizer: PreTrainedTokenizerBase, rows: list[dict], recipe: dict[str, Any], steps: int, seed: int
) -> None:
    """Train the module in ``model`` for so many steps."""
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments  # seconds, which a run without steps does without

    arguments = Seq2SeqTrainingArguments(
        output_dir=tempfile.gettempdir(),
        max_steps=steps,
        per_device_train_batch_size=recipe["batch_size"],
        learning_rate=recipe["learning_rate"],
        lr_scheduler_type="constant_with_warmup",
        warmup_steps=recipe["warmup_steps"],
        weight_decay=recipe["weight_decay"],
        max_grad_norm=recipe["gradient_clip"],
        seed=seed,
        save_strategy="no",
        logging_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
    )
    collator = DataCollatorForSeq2Seq(tokenizer, model=model.get_base_model())
    Seq2SeqTrainer(model=model, args=arguments, train_dataset=rows, data_collator=collator).train()


@torch.inference_mode()
def accuracy(
    model: Any, tokenizer: PreTrainedTokenizerBase, rows: list[dict], words: list[str], batch_size: int
) -> float:
    """Share of examples whose right label word is the likeliest; every label word must be one token.

    Raises:
        ValueError: a label word is more than one token.
    """
    tokens = [tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    if any(len(ids) != 1 for ids in tokens):
        raise ValueError(f"the rival tests label words of one token; {words} are {tokens}")
    ids, right = torch.tensor(tokens)[:, 0], 0
    model.eval()
    for begin in range(0, len(rows), batch_size):
        batch = rows[begin : begin + batch_size]
        inputs = tokenizer.pad([{name: row[name] for name in ("input_ids", "attention_mask")} for row in batch])
        inputs = {name: torch.tensor(value) for name, value in inputs.items()}
        start = torch.full((len(batch), 1), model.config.decoder_start_token_id)
        logits = model(**inputs, decoder_input_ids=start).logits[:, 0, ids]
        right += int((ids[logits.argmax(-1)] == torch.tensor([row["labels"][0] for row in batch])).sum())
    return right / len(rows)


def write(path: str, text: str) -> None:
    """Write a result."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)

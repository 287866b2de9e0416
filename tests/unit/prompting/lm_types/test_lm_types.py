"""Prompts, label words and batches of the three language model types, with small real tokenizers of every layout."""

import functools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from peftport.data.generated import reviews
from peftport.evaluation.likelihood import log_likelihoods
from peftport.host_building.recipes.table import recipe_of
from peftport.host_building.tokenizer import train_tokenizer
from peftport.hosts.families.table import family
from peftport.prompting.batches import IGNORED
from peftport.prompting.task import Task
from tests import encoded, hosts

WORDS = ["negative", "positive"]
LONG = "the plot was good and the acting was bad . " * 20
KINDS = ["t5", "bert", "roberta", "gpt2", "llama"]


@functools.cache
def tokenizer(kind):
    """GPT-2's and RoBERTa's begin words with their blank; the others are as hosts built here have them."""
    texts = reviews.documents(["film"], 200, 0)
    if kind not in ("gpt2", "roberta"):
        return train_tokenizer(texts, 400, WORDS, recipe_of(kind).LAYOUT)
    core = Tokenizer(models.BPE())
    core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<|endoftext|>"] if kind == "gpt2" else ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    core.train_from_iterator([*texts, *[" positive negative good"] * 500], trainer)
    if kind == "gpt2":
        return PreTrainedTokenizerFast(tokenizer_object=core, eos_token=special[0], unk_token=special[0])
    core.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    roles = {"cls_token": "<s>", "sep_token": "</s>", "eos_token": "</s>", "bos_token": "<s>", "pad_token": "<pad>"}
    return PreTrainedTokenizerFast(tokenizer_object=core, mask_token="<mask>", unk_token="<unk>", **roles)


def card(kind, positions=None):
    return {"model_type": kind, "lm_type": family(kind).lm_type, "positions": positions}


def task(kind, template="sentiment: {text}", words=WORDS, most=40):
    return Task.for_host({"template": template, "words": words}, tokenizer(kind), card(kind), most)


def encode(asked, *texts):
    labels = [asked.words[0]] * len(texts)
    names = [f"example {number}" for number in range(len(texts))]
    return asked.encode(pd.DataFrame({"example_id": names, "text": texts, "label": labels}))


def shown(kind, row):
    return tokenizer(kind).decode(row).replace(" .", ".")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("t5", "sentiment: the plot was good.</s>"),
        ("bert", "<s> sentiment: the plot was good.<mask></s>"),
        ("roberta", "<s>sentiment: the plot was good.<mask></s>"),
        ("gpt2", "sentiment: the plot was good."),
        ("llama", "<s> sentiment: the plot was good."),
    ],
)
def test_the_default_prompt(kind, expected):
    (row,) = encode(task(kind), "the plot was good .").prompts
    assert shown(kind, row).replace(" ", "") == expected.replace(" ", "")


def test_a_prompt_of_an_encoder_decoder_is_what_its_tokenizer_writes():
    texts = ["the plot was good .", LONG, "Café!"]
    theirs = tokenizer("t5")([f"sentiment: {text}" for text in texts], truncation=True, max_length=40)["input_ids"]
    assert [row.tolist() for row in encode(task("t5"), *texts).prompts] == theirs


@pytest.mark.parametrize("template", ["{text} all in all it was {answer}", "review : {text}"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_long_text_is_cut_and_its_template_is_not(kind, template):
    asked = task(kind, template, most=30)
    (row,), (lost,) = (encoded := encode(asked, LONG)).prompts, encoded.cut_tokens
    assert len(row) == 30 and lost == len(encode(replace(asked, max_tokens=500), LONG).prompts[0]) - 30
    before, after = template.replace(" {answer}", "").split("{text}")
    read = tokenizer(kind).decode(row, skip_special_tokens=True)
    assert read.startswith(before.strip()) and read.endswith(after.strip())
    assert "the plot was good" in read


@pytest.mark.parametrize(
    "template", ["{text} it was {answer} , all in all", "{answer} : {text}", "{text} , {answer} ,"]
)
@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_masks_stand_where_the_template_says(kind, template):
    asked = task(kind, template, ["negative", "very positive"], most=30)
    masks = max(map(len, asked.tokens))
    assert masks >= 2
    for row in encode(asked, LONG, "good").prompts:
        places = np.flatnonzero(row == tokenizer(kind).mask_token_id)
        assert len(places) == masks and (np.diff(places) == 1).all()
        after = tokenizer(kind).decode(row[places[-1] + 1 :], skip_special_tokens=True).strip()
        wanted = template.partition("{answer}")[2].strip()
        assert after == wanted if "{text}" not in wanted else after.startswith(":")
        assert len(row) <= 30


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_written_in_a_text_are_text(kind):
    """Else a text could bring masks of its own."""
    asked = task(kind)
    harmless, harmful = encode(asked, "good", "good <mask> </s> <s> <pad> <|endoftext|> bad").prompts
    special = set(tokenizer(kind).all_special_ids) - {tokenizer(kind).unk_token_id}
    assert [token for token in harmful if token in special] == [token for token in harmless if token in special]


@pytest.mark.parametrize("kind", KINDS)
def test_a_template_without_room_for_a_text_is_refused(kind):
    asked = task(kind, "a very long template that says more than there is room for {text}", most=8)
    with pytest.raises(ValueError, match="raise max_tokens"):
        encode(asked, "good")


def test_a_prompt_that_is_longer_than_the_host_reads_is_refused():
    definition = {"template": "{text}", "words": WORDS}
    for kind, tokens in (("bert", 40), ("llama", 42)):  # masks are in the prompt; a word and the end come behind it
        for positions in (tokens, tokens - 1):
            asked = Task.for_host(definition, tokenizer(kind), card(kind, positions), 40)
            if positions == tokens:
                assert max(map(len, encode(asked, LONG, "good").prompts)) == 40
                continue
            with pytest.raises(
                ValueError, match=rf"take {tokens} tokens, and the host reads {positions} at most; lower"
            ):
                encode(asked, LONG, "good")


@pytest.mark.parametrize(
    ("kind", "positions", "longest"), [("bert", 40, 40), ("llama", 42, 40), ("llama", 2048, 512), ("t5", None, 512)]
)
def test_without_a_limit_a_prompt_may_be_as_long_as_the_host_reads(kind, positions, longest):
    asked = Task.for_host({"template": "{text}", "words": WORDS}, tokenizer(kind), card(kind, positions))
    data = encode(asked, "good " * 600, "good")
    assert asked.longest_prompt() == max(map(len, data.prompts)) == longest
    assert data.cut_tokens[0] > 0 == data.cut_tokens[1]


@pytest.mark.parametrize("kind", KINDS)
def test_label_words_are_the_tokens_that_follow_the_prompt(kind):
    """What the tokenizer writes for the prompt and the word together, without the prompt's own."""
    asked = task(kind, "it was {text} so {answer}")
    for word, ids in zip(asked.words, asked.tokens, strict=True):
        if kind == "t5":
            assert ids == tokenizer(kind)(word, add_special_tokens=False)["input_ids"]
            continue
        whole = tokenizer(kind)(f"it was good so {word}", add_special_tokens=False)["input_ids"]
        assert whole[-len(ids) :] == ids
        assert len(ids) == 1


@pytest.mark.parametrize("kind", ["gpt2", "roberta"])
def test_a_word_behind_a_blank_is_another_token(kind):
    (behind,), (alone,) = task(kind, "{text} {answer}").tokens[:1], task(kind, "{text} '{answer}").tokens[:1]
    assert tokenizer(kind).decode(behind) == " negative" and tokenizer(kind).decode(alone) == "negative"
    assert behind != alone


@pytest.mark.parametrize("kind", ["t5", "gpt2", "llama"])
def test_only_a_masked_model_fills_a_gap(kind):
    with pytest.raises(ValueError, match=r"expected \{answer\} at the end"):
        task(kind, "{text} it was {answer} .")
    assert encode(task(kind, "{text} so {answer}"), "good").prompts[0].tolist() == (
        encode(task(kind, "{text} so"), "good").prompts[0].tolist()
    )


def test_a_host_without_a_padding_token_is_filled_up_with_its_end():
    assert tokenizer("gpt2").pad_token_id is None
    asked = task("gpt2")
    data = encode(asked, "good", "the plot was good .")
    batch = asked.batch(data, np.arange(2), torch.device("cpu"))
    end = tokenizer("gpt2").eos_token_id
    assert batch["input_ids"][0, -1] == end and batch["attention_mask"][0, -1] == 0
    for row, labels in enumerate(batch["labels"].tolist()):
        assert [token for token in labels if token != IGNORED] == [*asked.tokens[0], end]
        assert batch["attention_mask"][row].sum() == len(data.prompts[row]) + len(asked.tokens[0]) + 1


LM_TYPES = {
    "t5_gated_untied": "encoder_decoder",
    "bert": "masked",
    "roberta": "masked",
    "gpt2": "causal",
    "llama": "causal",
}
LABELS = {"one token each": [[3], [4]], "unequal lengths": [[3], [4, 9, 10]]}


@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("name", LM_TYPES)
def test_the_training_loss_is_the_likelihood_that_is_scored(name, labels):
    """Teacher forcing and scoring read the same places: the end of the answer aside, their sums agree."""
    model, cpu = hosts.host(name), torch.device("cpu")
    asked, data = encoded.asked(LM_TYPES[name], LABELS[labels], 7)
    scores = log_likelihoods(model, data, asked, 3)
    for row in range(7):
        batch = asked.batch(data, np.asarray([row]), cpu)
        word = asked.tokens[data.labels[row]]
        answer = asked.answers()[data.labels[row]]
        taught = batch["labels"] != IGNORED
        assert batch["labels"][taught].tolist() == answer.tolist()
        assert answer[: len(word)].tolist() == word
        behind = taught.nonzero()[len(word) :, 1]
        batch["labels"][0, behind] = IGNORED
        loss = model(**batch).loss.item()
        assert -loss * len(word) == pytest.approx(scores[row, data.labels[row]], rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", LM_TYPES)
def test_a_batch_trains_as_its_examples_alone(name):
    """Neither order nor what is filled up moves the mean over label tokens."""
    model, cpu = hosts.host(name), torch.device("cpu")
    asked, data = encoded.asked(LM_TYPES[name], LABELS["unequal lengths"], 6)
    with torch.inference_mode():
        alone = [asked.batch(data, np.asarray([row]), cpu) for row in range(6)]
        tokens = [int((batch["labels"] != IGNORED).sum()) for batch in alone]
        expected = sum(model(**batch).loss.item() * count for batch, count in zip(alone, tokens, strict=True))
        for order in (np.arange(6), np.arange(6)[::-1]):
            together = model(**asked.batch(data, order, cpu)).loss.item()
            assert together == pytest.approx(expected / sum(tokens), rel=1e-5)


def test_an_answer_begins_as_the_tokenizer_begins_a_text():
    """BART's decoder writes its first token between the start token and the word, and learns to."""
    model, (asked, data) = hosts.host("bart"), encoded.asked("encoder_decoder", LABELS["unequal lengths"], 7)
    asked = replace(asked, tokenizer=encoded.Opening())
    scores = log_likelihoods(model, data, asked, 3)
    for row in range(7):
        batch = asked.batch(data, np.asarray([row]), torch.device("cpu"))
        word = asked.tokens[data.labels[row]]
        assert batch["labels"][0].tolist() == [hosts.OPENING, *word, hosts.END]
        behind = model(**batch).logits[0, 1 : 1 + len(word)].log_softmax(-1)
        score = behind.gather(1, torch.as_tensor(word)[:, None]).sum().item()
        assert score == pytest.approx(scores[row, data.labels[row]], rel=1e-4)


def test_masks_behind_a_shorter_word_are_taught_the_separator():
    asked, data = encoded.asked("masked", [[3], [4, 9, 10]], 8)
    batch = asked.batch(data, np.arange(8), torch.device("cpu"))
    assert ((batch["labels"] != IGNORED) == (batch["input_ids"] == encoded.MASK)).all()
    assert [answer.tolist() for answer in asked.answers()] == [[3, hosts.END, hosts.END], [4, 9, 10]]


SHARED = Path(os.environ.get("PEFTPORT_SHARED_DATA", Path(__file__).parents[5] / "shared" / "data"))


@pytest.mark.skipif(not (SHARED / "gpt2_tokenizer").is_dir(), reason="GPT-2's and BERT's own tokenizers are not there")
def test_the_published_tokenizers():
    from transformers import BertTokenizerFast, GPT2TokenizerFast

    files = {"vocab": str(SHARED / "gpt2_tokenizer/encoder.json"), "merges": str(SHARED / "gpt2_tokenizer/vocab.bpe")}
    gpt2 = GPT2TokenizerFast(**files)
    asked = Task.for_host({"template": "sentiment: {text}", "words": WORDS}, gpt2, card("gpt2"), 24)
    assert [gpt2.decode(ids) for ids in asked.tokens] == [" negative", " positive"]
    assert gpt2.decode(encode(asked, "The plot was good.").prompts[0]) == "sentiment: The plot was good."
    bert = BertTokenizerFast(vocab=str(SHARED / "bert_tokenizer/bert_base_uncased_vocab.txt"))
    asked = Task.for_host({"template": "{text} It was {answer}.", "words": WORDS}, bert, card("bert"), 24)
    assert [bert.convert_ids_to_tokens(ids) for ids in asked.tokens] == [["negative"], ["positive"]]
    row = encode(replace(asked, max_tokens=12), "The plot was [MASK] good, " * 9).prompts[0]
    assert bert.decode(row).startswith("[CLS] the plot was [ mask ]") and bert.decode(row).endswith(
        "it was [MASK]. [SEP]"
    )
    assert (row == bert.mask_token_id).sum() == 1 and len(row) == 12

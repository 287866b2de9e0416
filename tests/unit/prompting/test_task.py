from dataclasses import replace

import pandas as pd
import pytest

from peftport.hosts.load import load_tokenizer
from peftport.prompting.label_words import label_tokens
from peftport.prompting.task import Task
from peftport.storage.cards import read_card
from tests.ground import TASK


@pytest.fixture
def task(ground):
    return Task.for_host(TASK, load_tokenizer(ground / "hosts/raw"), read_card(ground / "raw.json"), 12)


def test_words_and_tokens_come_in_the_datasets_order(task, ground):
    tokens = label_tokens(load_tokenizer(ground / "hosts/raw"), TASK["words"])
    assert task.words == ["negative", "positive"]
    assert task.tokens == [tokens["negative"], tokens["positive"]]


def test_the_host_is_to_write_the_word_and_then_the_end(task):
    end = task.tokenizer.eos_token_id
    assert [answer.tolist() for answer in task.answers()] == [[*ids, end] for ids in task.tokens]
    words = [task.tokenizer.decode(answer, skip_special_tokens=True) for answer in task.answers()]
    assert words == task.words


def test_prompts_are_the_template_and_cut(task):
    texts = ["the plot was good .", "good " * 40]
    examples = pd.DataFrame({"example_id": ["a", "b"], "text": texts, "label": ["positive", "negative"]})
    data = task.encode(examples)
    assert task.tokenizer.decode(data.prompts[0], skip_special_tokens=True).startswith("sentiment: the plot")
    assert [prompt[-1] for prompt in data.prompts] == [task.tokenizer.eos_token_id] * 2
    assert len(data.prompts[1]) == 12
    whole = replace(task, max_tokens=100).encode(examples)
    assert data.cut_tokens.tolist() == [len(prompt) - 12 for prompt in whole.prompts]
    assert whole.cut_tokens.tolist() == [0, 0]
    assert data.labels.tolist() == [1, 0]


def test_many_texts_are_tokenised_in_parts(task, monkeypatch):
    texts = [f"the plot was {word} ." for word in ("good", "bad", "fine", "slow", "new")]
    examples = pd.DataFrame({"example_id": list("abcde"), "text": texts, "label": ["positive"] * 5})
    whole, sizes, tokenizer = task.encode(examples), [], type(task.tokenizer).__call__
    monkeypatch.setattr("peftport.prompting.task.TOGETHER", 2)

    def counted(self, texts, **options):
        sizes.append(len(texts) if isinstance(texts, list) else 0)
        return tokenizer(self, texts, **options)

    monkeypatch.setattr(type(task.tokenizer), "__call__", counted)
    assert [row.tolist() for row in task.encode(examples).prompts] == [row.tolist() for row in whole.prompts]
    assert max(sizes) == 2 and sum(sizes) == 5

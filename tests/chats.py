"""Chat templates as hosts have them, and tokenizers that know their special tokens."""

import functools
import string

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SYSTEM = (
    "{% if loop.first and message.role != 'system' %}{{ '<|im_start|>system\\nBe helpful<|im_end|>\\n' }}{% endif %}"
)
CHATML = (  # SmolLM2's
    "{% for message in messages %}" + SYSTEM + "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] "
    "+ '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
INSTRUCTION = (  # LLaMA 2's: its own BOS, and a blank before an answer
    "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}{{ '[INST] ' + message.content.strip() "
    "+ ' [/INST]' }}{% elif message.role == 'assistant' %}{{ ' ' + message.content + ' ' + eos_token }}"
    "{% else %}{{ raise_exception('System role not supported') }}{% endif %}{% endfor %}"
)
HEADERS = """
{%- set day = strftime_now('%d %b %Y') %}
{{- bos_token + '<|im_start|>system\n\nToday: ' + day + '<|im_end|>' }}
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n\n' + message.content | trim + '<|im_end|>' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n\n' }}{% endif %}"""  # LLaMA 3's: two breaks, today's date
THINKING = CHATML.replace(  # Qwen 3's: an answer comes behind an empty thought
    "'\\n' + message['content']",
    "'\\n' + ('<think>\\n\\n</think>\\n\\n' if message.role == 'assistant' else '') + message['content']",
)
TEMPLATES = {"chatml": CHATML, "instruction": INSTRUCTION, "headers": HEADERS, "thinking": THINKING}
MARKS = ["<|im_start|>", "<|im_end|>"]
WORDS = ["negative", "positive"]
TEXTS = ["the plot was good .", "It's dull, and LONG: {no} 5% <b>", "Café!"]


@functools.cache
def _core(kind: str) -> Tokenizer:
    texts = [*TEXTS, " positive negative\npositive\nnegative user assistant system"] * 200
    core = Tokenizer(models.BPE(unk_token="<unk>" if kind == "llama" else None))
    special = ["<unk>", "<s>", "</s>", *MARKS] if kind == "llama" else ["<|endoftext|>", *MARKS]
    options = {"special_tokens": special, "show_progress": False}
    if kind == "llama":  # LLaMA's: words with a low line before them, at the beginning of a text too
        lines = pre_tokenizers.Split("\n", "isolated")
        core.pre_tokenizer = pre_tokenizers.Sequence([lines, pre_tokenizers.Metaspace(prepend_scheme="first")])
        core.decoder = decoders.Metaspace(prepend_scheme="first")
        options |= {"vocab_size": 400, "initial_alphabet": list(string.printable)}
    else:
        core.pre_tokenizer, core.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        options |= {"vocab_size": 500, "initial_alphabet": pre_tokenizers.ByteLevel.alphabet()}
    core.train_from_iterator(texts, trainers.BpeTrainer(**options))
    if kind == "llama":
        core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return core


def tokenizer(kind: str, template: str | None) -> PreTrainedTokenizerFast:
    """GPT-2's kind, which begins words with their blank, or LLaMA's, which puts its BOS before every text."""
    roles = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    if kind == "llama":
        roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
    made = PreTrainedTokenizerFast(tokenizer_object=_core(kind), **roles)
    made.chat_template = template
    return made

"""The doodle CLIP: its configuration, its tokenizer, and the paths through its vision tower.

The weights live in `transformers.CLIPModel`, so that saving gives an ordinary Hugging Face folder.
The forward passes are written out here because training needs two of them at once: the class token
as usual, and the cells as MaskCLIP (Zhou et al., 2022) reads them.
"""

import json

import torch
import torch.nn.functional as F
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPConfig, CLIPModel

IMAGE, PATCH, GRID = 128, 8, 16
CONTEXT = 32
VOCABULARY = 1000
START, END = '<|startoftext|>', '<|endoftext|>'
MEAN = [0.48145466, 0.4578275, 0.40821073]
STD = [0.26862954, 0.26130258, 0.27577711]


def train_tokenizer(texts: list[str]) -> Tokenizer:
    """A byte-level BPE tokenizer built like that of OpenAI's CLIP, with a small vocabulary."""
    tokenizer = Tokenizer(
        models.BPE(unk_token=END, continuing_subword_prefix='', end_of_word_suffix='</w>')
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r'\s+'), ' '), normalizers.Lowercase()]
    )
    pattern = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior='removed', invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    # CLIP's vocabulary begins with every byte, then every byte that ends a word; so any string
    # can be encoded, whatever the training text was.
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - len(letters) - 2,
        initial_alphabet=letters,
        end_of_word_suffix='</w>',
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return _with_every_byte(tokenizer, sorted(letters))


def _with_every_byte(trained: Tokenizer, letters: list[str]) -> Tokenizer:
    """Reorders the vocabulary as CLIP does: bytes, bytes with `</w>`, merges, start, end."""
    state = json.loads(trained.to_str())
    merges = [m if isinstance(m, list) else m.split(' ') for m in state['model']['merges']]
    tokens = letters + [letter + '</w>' for letter in letters]
    known = set(tokens)
    kept = []
    for a, b in merges:
        kept.append([a, b])
        if a + b not in known:
            known.add(a + b)
            tokens.append(a + b)
    tokens += [START, END]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    state['model']['vocab'] = vocabulary
    state['model']['merges'] = kept
    state['added_tokens'] = [
        {
            'id': vocabulary[token], 'content': token, 'single_word': False, 'lstrip': False,
            'rstrip': False, 'normalized': token == START, 'special': True,
        }
        for token in (START, END)
    ]
    state['post_processor'] = {
        'type': 'RobertaProcessing', 'sep': [END, vocabulary[END]],
        'cls': [START, vocabulary[START]], 'trim_offsets': False, 'add_prefix_space': False,
    }
    return Tokenizer.from_str(json.dumps(state))


def build(tokenizer: Tokenizer) -> CLIPModel:
    """A fresh model: about 2.6 million parameters."""
    ids = {
        'bos_token_id': tokenizer.token_to_id(START),
        'eos_token_id': tokenizer.token_to_id(END),
        'pad_token_id': tokenizer.token_to_id(END),
    }
    shared = {'hidden_act': 'quick_gelu', 'layer_norm_eps': 1e-5, 'projection_dim': 128}
    config = CLIPConfig(
        vision_config={
            'image_size': IMAGE, 'patch_size': PATCH, 'hidden_size': 192, 'intermediate_size': 768,
            'num_hidden_layers': 4, 'num_attention_heads': 3, **shared,
        },
        text_config={
            'vocab_size': tokenizer.get_vocab_size(), 'max_position_embeddings': CONTEXT,
            'hidden_size': 128, 'intermediate_size': 512, 'num_hidden_layers': 3,
            'num_attention_heads': 2, **shared, **ids,
        },
        projection_dim=128,
        logit_scale_init_value=3.0,
    )
    config.text_config.eos_token_id = ids['eos_token_id']
    return CLIPModel(config)


def encode_texts(model: CLIPModel, tokenizer: Tokenizer, texts: list[str]) -> Tensor:
    """Normalised embeddings, `[texts, 128]`."""
    rows = [e.ids for e in tokenizer.encode_batch(texts)]
    end = tokenizer.token_to_id(END)
    rows = [r if len(r) <= CONTEXT else [*r[: CONTEXT - 1], end] for r in rows]
    # Half the texts are short: encoding them apart saves the padding.
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    halves = [h for h in (order[: len(order) // 2], order[len(order) // 2 :]) if h]
    found = torch.cat([_encode_rows(model, [rows[i] for i in half], end) for half in halves])
    back = torch.empty(len(order), dtype=torch.long)
    back[torch.tensor(order)] = torch.arange(len(order))
    return found[back]


def _encode_rows(model: CLIPModel, rows: list[list[int]], end: int) -> Tensor:
    longest = max(len(r) for r in rows)
    ids = torch.tensor([r + [end] * (longest - len(r)) for r in rows])
    text = model.text_model
    h = text.embeddings.token_embedding(ids) + text.embeddings.position_embedding.weight[:longest]
    for layer in text.encoder.layers:
        h = h + attention(layer.self_attn, layer.layer_norm1(h), causal=True)
        h = h + layer.mlp(layer.layer_norm2(h))
    # Attention is causal: what stands after the first end token cannot reach it.
    last = torch.tensor([len(r) - 1 for r in rows])
    pooled = text.final_layer_norm(h[torch.arange(len(rows)), last])
    return F.normalize(model.text_projection(pooled), dim=-1)


def heads(x: Tensor, count: int) -> Tensor:
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def attention(attn: torch.nn.Module, h: Tensor, causal: bool = False) -> Tensor:
    n = attn.num_heads
    q, k, v = heads(attn.q_proj(h), n), heads(attn.k_proj(h), n), heads(attn.v_proj(h), n)
    out = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    return attn.out_proj(out.transpose(1, 2).flatten(2))


def trunk(model: CLIPModel, pixels: Tensor, positions: Tensor) -> Tensor:
    """Everything before the last block: `[batch, 1 + cells, width]`.

    `positions` are the position embeddings of class token and cells, `[1 + cells, width]`.
    """
    vision = model.vision_model
    cells = vision.embeddings.patch_embedding(pixels).flatten(2).transpose(1, 2)
    cls = vision.embeddings.class_embedding.expand(len(pixels), 1, -1)
    h = vision.pre_layrnorm(torch.cat([cls, cells], 1) + positions)
    for layer in vision.encoder.layers[:-1]:
        h = h + attention(layer.self_attn, layer.layer_norm1(h))
        h = h + layer.mlp(layer.layer_norm2(h))
    return h


def class_and_cells(model: CLIPModel, pixels: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised embeddings of the pictures, `[batch, 128]`, and of their cells by MaskCLIP's path
    through the last block (values only, no residual, no MLP), `[batch, cells, 128]`.
    """
    vision = model.vision_model
    h = trunk(model, pixels, positions)
    layer = vision.encoder.layers[-1]
    attn, n = layer.self_attn, layer.self_attn.num_heads
    normed = layer.layer_norm1(h)
    values = attn.v_proj(normed)
    q = heads(attn.q_proj(normed[:, :1]), n)
    mixed = F.scaled_dot_product_attention(q, heads(attn.k_proj(normed), n), heads(values, n))
    cls = h[:, :1] + attn.out_proj(mixed.transpose(1, 2).flatten(2))
    cls = (cls + layer.mlp(layer.layer_norm2(cls)))[:, 0]
    both = torch.cat([cls[:, None], attn.out_proj(values[:, 1:])], 1)
    both = F.normalize(model.visual_projection(vision.post_layernorm(both)), dim=-1)
    return both[:, 0], both[:, 1:]


def window_positions(model: CLIPModel, side: int, row: int, column: int) -> Tensor:
    """Position embeddings of a window of `side` by `side` cells whose upper left cell is at
    `row`, `column` of the full grid: `[1 + cells, width]`.
    """
    table = model.vision_model.embeddings.position_embedding.weight
    grid = table[1:].unflatten(0, (GRID, GRID))
    window = grid[row : row + side, column : column + side]
    return torch.cat([table[:1], window.flatten(0, 1)])

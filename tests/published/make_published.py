"""Makes models in the layouts in which CLIPs are published, and what PyTorch computes with them.

The dimensions are the true ones, the weights are drawn, so nothing has to be fetched from a hub. The forward passes
are those of transformers and OpenCLIP; MaskCLIP and its like are taken from `../fixtures/make_parity.py`.
Run: python make_published.py OUT NAME, with one of the names in MODELS. `npm run parity` does it for all.
"""

import argparse
import gzip
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
import torch.nn.functional as F
from open_clip.push_to_hf_hub import save_config_for_hf
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import CLIPConfig, CLIPModel, CLIPTokenizerFast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
from make_parity import (  # noqa: E402
    END,
    START,
    Expected,
    LastBlock,
    check_positions,
    hidden_states,
    picture,
    token_ids,
    write_json,
)

CONTEXT, VOCABULARY = 77, 49408
LOGIT_SCALE = 4.6052
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]

TEXTS = [
    "a photo of a cat.",
    "a photo of a dog.",
    "the sky",
    "an itap of a red double-decker bus, parked next to a bicycle",
    "Café CRÈME brûlée on a white tablecloth",
    "кошка на столе",
    "猫とソファ",
    "🐑 in a green field & 3 fences",
    "",
    " ".join(["a very long sentence about grass, water and houses"] * 12),
]


@dataclass
class Model:
    name: str
    seed: int
    patch: int
    open_clip: str | None  # its name in OpenCLIP; None for one in the layout of transformers
    activation: str
    plain_tokenizer: bool  # vocab.json and merges.txt in place of tokenizer.json
    shards: bool  # model-00001-of-….safetensors and an index in place of model.safetensors


MODELS = {
    m.name: m
    for m in (
        Model("hf-b16", 1, 16, None, "quick_gelu", plain_tokenizer=False, shards=False),
        Model("hf-b32", 2, 32, None, "quick_gelu", plain_tokenizer=True, shards=True),
        Model("openclip-b32", 3, 32, "ViT-B-32", "gelu", plain_tokenizer=False, shards=False),
    )
}


def pictures(patch: int) -> dict[str, tuple[int, int]]:
    """Name to height and width. 336 is no multiple of 32; 352 is the next side that is."""
    rows = -(-336 // patch) * patch
    return {"square": (224, 224), "wide": (rows, 448), "large": (448, 448)}


# --------------------------------------------------------------------------------------------- tokenizer


def clip_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    """CLIP's own vocabulary, from the file that the package of OpenCLIP carries."""
    path = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.open(path).read().decode("utf-8").split("\n")
    # The first line is a heading; CLIP uses as many merges as make 49,408 tokens.
    merges = [tuple(line.split()) for line in lines[1 : VOCABULARY - 256 * 2 - 2 + 1]]
    letters = list(open_clip.tokenizer.bytes_to_unicode().values())
    tokens = [*letters, *(c + "</w>" for c in letters), *(a + b for a, b in merges), START, END]
    vocab = {token: i for i, token in enumerate(tokens)}
    assert len(vocab) == VOCABULARY and vocab[START] == 49406 and vocab[END] == 49407
    return vocab, merges


def save_tokenizer(folder: Path, plain: bool) -> Tokenizer:
    vocab, merges = clip_vocabulary()
    fast = CLIPTokenizerFast(vocab=vocab, merges=merges, model_max_length=CONTEXT)
    if plain:
        (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
        text = "#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges)
        (folder / "merges.txt").write_text(text, encoding="utf-8")
    else:
        fast.save_pretrained(folder)
    encoder = fast.backend_tokenizer
    encoder.no_truncation()
    check_tokenizer(encoder)
    return encoder


def check_tokenizer(encoder: Tokenizer) -> None:
    """OpenCLIP's own tokenizer, which is written in Python, agrees."""
    for text, row in zip(TEXTS, open_clip.tokenize(TEXTS, CONTEXT)):
        ids = token_ids(encoder, text, CONTEXT)
        assert row[: len(ids)].tolist() == ids and not row[len(ids) :].any(), text


# ----------------------------------------------------------------------------------------------- weights


def weight_spread(name: str, shape: torch.Size) -> tuple[float, float]:
    """Mean and standard deviation: attention far from uniform, cells and texts far from alike, at any width."""
    if "norm" in name or "layrnorm" in name:
        return (1.0, 0.25) if name.endswith("weight") else (0.0, 0.1)
    if name.endswith("bias"):
        return 0.0, 0.03
    if "token_embedding" in name:
        return 0.0, 0.02
    if "position_embedding" in name or "class_embedding" in name:
        return 0.0, 0.01
    inputs = shape[1:].numel()
    # The embeddings are small, as in trained models: the epsilon of the first layer norm then shows in the result.
    gain = 0.04 if "patch_embedding" in name else 2.0 if "q_proj" in name or "k_proj" in name else 0.8
    return 0.0, gain * inputs**-0.5


def draw(model: CLIPModel, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in sorted(model.named_parameters()):
        if name == "logit_scale":
            tensor.fill_(LOGIT_SCALE)
            continue
        mean, std = weight_spread(name, tensor.shape)
        tensor.copy_(mean + std * torch.randn(tensor.shape, generator=generator))


def build(spec: Model) -> CLIPModel:
    ids = dict(bos_token_id=49406, eos_token_id=49407, pad_token_id=49407)
    vision = dict(
        image_size=224, patch_size=spec.patch, hidden_size=768, num_attention_heads=12, num_hidden_layers=12,
        intermediate_size=3072, hidden_act=spec.activation, projection_dim=512,
    )  # fmt: skip
    text = dict(
        hidden_size=512, num_attention_heads=8, num_hidden_layers=12, intermediate_size=2048, vocab_size=VOCABULARY,
        max_position_embeddings=CONTEXT, hidden_act=spec.activation, projection_dim=512,
    )  # fmt: skip
    config = CLIPConfig(
        vision_config=vision, text_config=text | ids, projection_dim=512, attn_implementation="eager"
    )
    model = CLIPModel(config).eval()
    draw(model, spec.seed)
    return model


def save_hugging_face(folder: Path, spec: Model, model: CLIPModel) -> None:
    model.save_pretrained(folder, max_shard_size="200MB" if spec.shards else "10GB")
    preprocessor = dict(
        crop_size=224, do_center_crop=True, do_normalize=True, do_resize=True,
        feature_extractor_type="CLIPFeatureExtractor", image_mean=MEAN, image_std=STD, resample=3, size=224,
    )  # fmt: skip
    write_json(folder / "preprocessor_config.json", preprocessor)


# ---------------------------------------------------------------------------------------------- OpenCLIP


def block_to_open_clip(ours: dict, theirs: str, block: str) -> dict:
    """A block's tensors under OpenCLIP's names, the three input projections stacked."""
    stacked = lambda kind: torch.cat([ours[f"{block}.self_attn.{p}_proj.{kind}"] for p in "qkv"])  # noqa: E731
    out = {f"{theirs}.attn.in_proj_{kind}": stacked(kind) for kind in ("weight", "bias")}
    places = {
        "ln_1": "layer_norm1", "ln_2": "layer_norm2", "attn.out_proj": "self_attn.out_proj",
        "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
    }  # fmt: skip
    for their, our in places.items():
        for kind in ("weight", "bias"):
            out[f"{theirs}.{their}.{kind}"] = ours[f"{block}.{our}.{kind}"]
    return out


def to_open_clip(ours: dict) -> dict:
    out = {
        "logit_scale": ours["logit_scale"],
        "positional_embedding": ours["text_model.embeddings.position_embedding.weight"],
        "token_embedding.weight": ours["text_model.embeddings.token_embedding.weight"],
        "text_projection": ours["text_projection.weight"].T,
        "visual.class_embedding": ours["vision_model.embeddings.class_embedding"],
        "visual.positional_embedding": ours["vision_model.embeddings.position_embedding.weight"],
        "visual.conv1.weight": ours["vision_model.embeddings.patch_embedding.weight"],
        "visual.proj": ours["visual_projection.weight"].T,
    }
    norms = {
        "ln_final": "text_model.final_layer_norm",
        "visual.ln_pre": "vision_model.pre_layrnorm",
        "visual.ln_post": "vision_model.post_layernorm",
    }
    for their, our in norms.items():
        out |= {f"{their}.{kind}": ours[f"{our}.{kind}"] for kind in ("weight", "bias")}
    for layer in range(12):
        for their, our in (("transformer", "text_model"), ("visual.transformer", "vision_model")):
            out |= block_to_open_clip(ours, f"{their}.resblocks.{layer}", f"{our}.encoder.layers.{layer}")
    return out


def build_open_clip(spec: Model, twin: CLIPModel) -> torch.nn.Module:
    model = open_clip.create_model(spec.open_clip).eval()
    model.load_state_dict(to_open_clip(twin.state_dict()), strict=True)
    return model


def save_open_clip(folder: Path, spec: Model, model: torch.nn.Module) -> None:
    tensors = {name: tensor.contiguous().clone() for name, tensor in model.state_dict().items()}
    save_file(tensors, folder / "open_clip_model.safetensors")
    save_config_for_hf(model, folder / "open_clip_config.json", open_clip.get_model_config(spec.open_clip))


def open_clip_image(model: torch.nn.Module, pixels: torch.Tensor, patch: int) -> torch.Tensor:
    """OpenCLIP's own forward pass, its position embeddings resized for this picture alone."""
    visual = model.visual
    trained = visual.positional_embedding.data
    side = 224 // patch
    rows, cols = pixels.shape[2] // patch, pixels.shape[3] // patch
    grid = trained[1:].T.reshape(1, -1, side, side)
    if (rows, cols) != (side, side):
        grid = F.interpolate(grid, size=(rows, cols), mode="bicubic", align_corners=False)
    visual.positional_embedding.data = torch.cat([trained[:1], grid[0].flatten(1).T])
    embedding = model.encode_image(pixels)[0]
    visual.positional_embedding.data = trained
    return embedding


# -------------------------------------------------------------------------------------- expected values


def close(ours: torch.Tensor, theirs: torch.Tensor, what: str) -> None:
    """Two ways to the same numbers: their largest difference over the largest of them."""
    error = ((ours - theirs).abs().max() / theirs.abs().max()).item()
    assert error < 2e-5, f"{what}: {error:.1e}"


def telling(rows: torch.Tensor, what: str) -> None:
    """Rows that all point the same way would make every comparison pass."""
    unit = F.normalize(rows, dim=-1)
    cosines = (unit @ unit.T)[~torch.eye(len(rows), dtype=torch.bool)]
    print(f"{what}: cosines of rows {cosines.mean():.3f} on average, {cosines.max():.3f} at most")
    assert cosines.mean() < 0.95, what


def add_texts(expected: Expected, model: CLIPModel, other: torch.nn.Module | None, encoder: Tokenizer) -> None:
    rows = [token_ids(encoder, text, CONTEXT) for text in TEXTS]
    assert len(encoder.encode(TEXTS[-1]).ids) > CONTEXT, "one text is to be cut"
    padded = torch.tensor([row + [49407] * (CONTEXT - len(row)) for row in rows])
    embeddings = model.get_text_features(padded).pooler_output
    if other is not None:
        theirs = other.encode_text(open_clip.tokenize(TEXTS, CONTEXT))
        close(embeddings, theirs, "texts")
        embeddings = theirs
    telling(embeddings, "texts")
    expected.add("text.ids", padded.int(), "token ids with start and end token, padded with the end token")
    expected.add("text.embeddings", embeddings, "projected text embeddings, not normalised")


def add_picture(
    expected: Expected, model: CLIPModel, other: torch.nn.Module | None, name: str, pixels: torch.Tensor
) -> None:
    patch = model.config.vision_config.patch_size
    rows, cols = pixels.shape[2] // patch, pixels.shape[3] // patch
    check_positions(model, pixels, rows, cols)
    states, embedding = hidden_states(model, pixels)
    if other is not None:
        theirs = open_clip_image(other, pixels, patch)
        close(embedding, theirs, f"{name}.embedding")
        embedding = theirs
    block = LastBlock(model, states[-2], rows, cols)
    close(block.ordinary(), states[-1], f"{name}: the last block put together again")
    expected.add(f"{name}.pixels", pixels, "normalised picture, the input of the vision tower")
    for i in (0, len(states) - 2, len(states) - 1):
        where = "after the embeddings and the first layer norm" if i == 0 else f"after block {i}"
        expected.add(f"{name}.hidden.{i}", states[i], f"hidden states {where}, class token first")
    expected.add(f"{name}.embedding", embedding, "projected image embedding, not normalised")
    for method, features in block.methods().items():
        telling(features, f"{name}, {method}")
        expected.add(f"{name}.dense.{method}", features, f"cell features of {method}, L2-normalised, row by row")
    expected.add(f"{name}.keys", block.keys(), "keys of the last block through its output projection, L2-normalised")


@torch.no_grad()
def make(out: Path, spec: Model) -> None:
    folder = out / spec.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    encoder = save_tokenizer(folder, spec.plain_tokenizer)
    model = build(spec)
    other = build_open_clip(spec, model) if spec.open_clip else None
    if other is None:
        save_hugging_face(folder, spec, model)
    else:
        save_open_clip(folder, spec, other)

    expected, generator = Expected(), torch.Generator().manual_seed(spec.seed + 100)
    add_texts(expected, model, other, encoder)
    for name, (height, width) in pictures(spec.patch).items():
        add_picture(expected, model, other, name, picture(height, width, generator))
    cases = [{"text": text, "ids": encoder.encode(text).ids} for text in TEXTS]
    expected.save(folder / "expected.safetensors", texts=TEXTS, tokenizer=cases)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="the directory that gets a directory with the model's name")
    parser.add_argument("name", choices=MODELS)
    args = parser.parse_args()
    torch.use_deterministic_algorithms(True)
    make(args.out, MODELS[args.name])


if __name__ == "__main__":
    main()

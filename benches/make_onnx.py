"""Writes a tower of a CLIP in the Hugging Face layout as ONNX graphs, in f32 and dynamic int8.

The graphs compute what this project computes, written the way exporters write it, so that onnxruntime's own
optimisations find what they look for (layer norm, QuickGELU, dynamic quantisation):

- `embedding`: CLIP's embedding of whole pictures, `pixels [b, 3, h, w]` to `[b, projection]`.
- `cells`: MaskCLIP's features of every patch. The last block gives its values through its output projection;
  neither its attention nor its feed-forward part is in the graph. `[b, cells, projection]`.
- `texts`: CLIP's embedding of texts, `ids [b, length]` to `[b, projection]`. `ids.json` has the word of `--word` in
  every template of `src/prompt/templates.txt`, as token ids.

The first two take `positions [1 + cells, width]`, the position embeddings for the size of the picture;
`positions-224.f32` and the like hold them as raw little-endian floats, resized as PyTorch's bicubic `interpolate` does.

The int8 graphs are onnxruntime's `quantize_dynamic` of the matrix products with weights: weights unsigned per tensor,
activations quantised on the fly. The patch convolution stays in f32, where it is faster, and so does the table of
tokens, of which only the rows that are asked for are read.

Run: python make_onnx.py MODEL_FOLDER OUT_FOLDER SIDE ... --graph cells|embedding, or
python make_onnx.py MODEL_FOLDER OUT_FOLDER --graph texts --word WORD; `npm run bench` does both.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors import safe_open
from tokenizers import Tokenizer

TEMPLATES = Path(__file__).resolve().parent.parent / "src" / "prompt" / "templates.txt"


def weights(folder: Path, prefixes: tuple[str, ...]) -> dict[str, np.ndarray]:
    out = {}
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "np") as file:
            wanted = (name for name in file.keys() if name.startswith(prefixes))
            out |= {name: file.get_tensor(name) for name in wanted}
    return out


class Graph:
    """Nodes and initialisers, each named by what it holds."""

    tower: str  # what the names of its tensors begin with
    mask: str | None = None  # what is added to the similarities of tokens

    def __init__(self, tensors: dict[str, np.ndarray], config: dict) -> None:
        self.tensors, self.config = tensors, config
        self.width, self.heads = config["hidden_size"], config["num_attention_heads"]
        self.nodes, self.constants = [], {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.setdefault(name, numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, op: str, inputs: list[str], name: str, **attributes) -> str:
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def weight(self, name: str) -> str:
        return self.constant(name, self.tensors[name])

    def linear(self, x: str, prefix: str, bias: bool = True) -> str:
        matrix = self.constant(f"{prefix}.weight", self.tensors[f"{prefix}.weight"].T)
        y = self.node("MatMul", [x, matrix], f"{prefix}.product")
        return self.node("Add", [y, self.weight(f"{prefix}.bias")], f"{prefix}.out") if bias else y

    def norm(self, x: str, prefix: str) -> str:
        parameters = [self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")]
        epsilon = self.config["layer_norm_eps"]
        return self.node("LayerNormalization", [x, *parameters], f"{prefix}.out", axis=-1, epsilon=epsilon)

    def heads_of(self, x: str, prefix: str, perm: list[int]) -> str:
        shape = self.constant("split heads", np.array([0, -1, self.heads, self.width // self.heads], np.int64))
        split = self.node("Reshape", [self.linear(x, prefix), shape], f"{prefix}.split")
        return self.node("Transpose", [split], f"{prefix}.heads", perm=perm)

    def attention(self, x: str, prefix: str) -> str:
        query = self.heads_of(x, f"{prefix}.q_proj", [0, 2, 1, 3])
        key = self.heads_of(x, f"{prefix}.k_proj", [0, 2, 3, 1])
        value = self.heads_of(x, f"{prefix}.v_proj", [0, 2, 1, 3])
        scale = self.constant("scale", np.float32((self.width // self.heads) ** -0.5))
        scaled = self.node("Mul", [query, scale], f"{prefix}.scaled")
        product = self.node("MatMul", [scaled, key], f"{prefix}.similarity")
        if self.mask:
            product = self.node("Add", [product, self.mask], f"{prefix}.masked")
        weights = self.node("Softmax", [product], f"{prefix}.weights", axis=-1)
        mixed = self.node("MatMul", [weights, value], f"{prefix}.mixed")
        joined = self.node("Transpose", [mixed], f"{prefix}.joined", perm=[0, 2, 1, 3])
        shape = self.constant("join heads", np.array([0, -1, self.width], np.int64))
        flat = self.node("Reshape", [joined, shape], f"{prefix}.flat")
        return self.linear(flat, f"{prefix}.out_proj")

    def activation(self, x: str, name: str) -> str:
        if self.config["hidden_act"] != "quick_gelu":
            raise SystemExit(f"no graph for the activation {self.config['hidden_act']}")
        slope = self.constant("1.702", np.float32(1.702))
        gate = self.node("Sigmoid", [self.node("Mul", [x, slope], f"{name}.slope")], f"{name}.gate")
        return self.node("Mul", [x, gate], name)

    def blocks(self, x: str, count: int) -> str:
        for layer in range(count):
            x = self.block(x, self.prefix(layer))
        return x

    def prefix(self, layer: int) -> str:
        return f"{self.tower}.encoder.layers.{layer}"

    def block(self, x: str, prefix: str) -> str:
        attended = self.attention(self.norm(x, f"{prefix}.layer_norm1"), f"{prefix}.self_attn")
        x = self.node("Add", [x, attended], f"{prefix}.attended")
        hidden = self.linear(self.norm(x, f"{prefix}.layer_norm2"), f"{prefix}.mlp.fc1")
        hidden = self.activation(hidden, f"{prefix}.mlp.active")
        return self.node("Add", [x, self.linear(hidden, f"{prefix}.mlp.fc2")], f"{prefix}.out")

    def at(self, n: int) -> str:
        return self.constant(f"at {n}", np.array([n], np.int64))

    def slice(self, x: str, start: int, end: int, name: str) -> str:
        return self.node("Slice", [x, *map(self.at, (start, end, 1))], name)

    def finish(self, name: str, inputs: list[onnx.ValueInfoProto], shape: list) -> onnx.ModelProto:
        outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)]
        graph = helper.make_graph(self.nodes, name, inputs, outputs, list(self.constants.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


class Vision(Graph):
    tower = "vision_model"

    def embed(self) -> str:
        patch = self.config["patch_size"]
        kernel = self.weight("vision_model.embeddings.patch_embedding.weight")
        cells = self.node("Conv", ["pixels", kernel], "patches", strides=[patch, patch])
        flat = self.constant("flat", np.array([0, self.width, -1], np.int64))
        cells = self.node("Reshape", [cells, flat], "patches.flat")
        cells = self.node("Transpose", [cells], "patches.rows", perm=[0, 2, 1])
        # One class token for each picture of the batch.
        shape = self.node("Shape", ["pixels"], "batch", start=0, end=1)
        ones = self.constant("1 and width", np.array([1, self.width], np.int64))
        shape = self.node("Concat", [shape, ones], "class shape", axis=0)
        embedding = self.tensors["vision_model.embeddings.class_embedding"].reshape(1, 1, -1)
        token = self.node("Expand", [self.constant("class", embedding), shape], "class token")
        tokens = self.node("Concat", [token, cells], "tokens", axis=1)
        tokens = self.node("Add", [tokens, "positions"], "tokens.placed")
        return self.norm(tokens, "vision_model.pre_layrnorm")

    def out(self, x: str, name: str) -> str:
        x = self.linear(self.norm(x, "vision_model.post_layernorm"), "visual_projection", bias=False)
        return self.node("Identity", [x], name)

    def model(self, name: str, shape: list) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["batch", 3, "height", "width"]),
            helper.make_tensor_value_info("positions", TensorProto.FLOAT, ["tokens", self.width]),
        ]
        return self.finish(name, inputs, shape)


class Text(Graph):
    tower = "text_model"

    def embed(self) -> str:
        x = self.node("Gather", [self.weight("text_model.embeddings.token_embedding.weight"), "ids"], "tokens")
        length = self.node("Shape", ["ids"], "length", start=1, end=2)
        positions = self.weight("text_model.embeddings.position_embedding.weight")
        positions = self.node("Slice", [positions, self.at(0), length, self.at(0)], "positions")
        # No token looks at a later one; of the mask for the longest text, what this batch needs.
        context = self.config["max_position_embeddings"]
        mask = self.constant("mask", np.triu(np.full((context, context), -np.inf, np.float32), 1))
        corner = self.node("Concat", [length, length], "length twice", axis=0)
        self.mask = self.node("Slice", [mask, self.constant("corner", np.zeros(2, np.int64)), corner], "mask.cut")
        return self.node("Add", [x, positions], "tokens.placed")

    def out(self, x: str, name: str) -> str:
        """What stands at the first end token, as transformers has it; those behind it fill the row."""
        end = self.constant("end token", np.array(self.config["eos_token_id"], np.int64))
        ends = self.node("Equal", ["ids", end], "is end")
        ends = self.node("Cast", [ends], "ends", to=TensorProto.INT32)
        place = self.node("ArgMax", [ends], "place", axis=1, keepdims=1)
        x = self.node("GatherND", [x, place], "end token out", batch_dims=1)
        x = self.linear(self.norm(x, "text_model.final_layer_norm"), "text_projection", bias=False)
        return self.node("Identity", [x], name)

    def model(self, name: str, shape: list) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "length"])]
        return self.finish(name, inputs, shape)


def cells(tensors: dict[str, np.ndarray], config: dict) -> onnx.ModelProto:
    graph, last = Vision(tensors, config), config["num_hidden_layers"] - 1
    x = graph.blocks(graph.embed(), last)
    prefix = graph.prefix(last)
    x = graph.linear(graph.norm(x, f"{prefix}.layer_norm1"), f"{prefix}.self_attn.v_proj")
    x = graph.linear(x, f"{prefix}.self_attn.out_proj")
    graph.out(graph.slice(x, 1, np.iinfo(np.int64).max, "patch tokens"), "cells")
    return graph.model("cells", ["batch", "cells", config["projection_dim"]])


def embedding(tensors: dict[str, np.ndarray], config: dict) -> onnx.ModelProto:
    graph = Vision(tensors, config)
    x = graph.blocks(graph.embed(), config["num_hidden_layers"])
    first = graph.constant("first", np.array(0, np.int64))
    graph.out(graph.node("Gather", [x, first], "class token out", axis=1), "embedding")
    return graph.model("embedding", ["batch", config["projection_dim"]])


def texts(tensors: dict[str, np.ndarray], config: dict) -> onnx.ModelProto:
    graph = Text(tensors, config)
    graph.out(graph.blocks(graph.embed(), config["num_hidden_layers"]), "texts")
    return graph.model("texts", ["batch", config["projection_dim"]])


def positions(tensors: dict[str, np.ndarray], config: dict, side: int) -> np.ndarray:
    table = torch.from_numpy(tensors["vision_model.embeddings.position_embedding.weight"])
    trained, wanted = config["image_size"] // config["patch_size"], side // config["patch_size"]
    grid = table[1:].T.reshape(1, -1, trained, trained)
    if wanted != trained:
        grid = F.interpolate(grid, size=(wanted, wanted), mode="bicubic", align_corners=False)
    return torch.cat([table[:1], grid[0].flatten(1).T]).numpy()


def token_ids(folder: Path, word: str) -> list[list[int]]:
    """The word in every template, a row each, as long as the longest: end tokens fill the others."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    lines = map(str.strip, TEMPLATES.read_text(encoding="utf-8").splitlines())
    rows = [tokenizer.encode(line.replace("{}", word)).ids for line in lines if line]
    longest = max(map(len, rows))
    return [row + row[-1:] * (longest - len(row)) for row in rows]


GRAPHS = {"cells": cells, "embedding": embedding, "texts": texts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("sides", type=int, nargs="*", help="sides of the pictures in pixels")
    parser.add_argument("--graph", choices=GRAPHS, required=True)
    parser.add_argument("--word", help="the word whose token ids go with the graph of texts")
    args = parser.parse_args()
    is_texts = args.graph == "texts"
    if is_texts == bool(args.sides) or is_texts != bool(args.word):
        parser.error("a graph of texts takes a word, one of pictures takes sides")

    tower, projection = ("text", "text") if is_texts else ("vision", "visual")
    config = json.loads((args.model / "config.json").read_text())[f"{tower}_config"]
    tensors = weights(args.model, (f"{tower}_model.", f"{projection}_projection."))
    args.out.mkdir(parents=True, exist_ok=True)
    for side in args.sides:
        positions(tensors, config, side).astype("<f4").tofile(args.out / f"positions-{side}.f32")
    if is_texts:
        ids = {"word": args.word, "ids": token_ids(args.model, args.word)}
        (args.out / "ids.json").write_text(json.dumps(ids), encoding="utf-8")
    model = GRAPHS[args.graph](tensors, config)
    onnx.checker.check_model(model, full_check=True)
    plain = args.out / "f32.onnx"
    onnx.save(model, plain)
    # Written last: with it the folder is complete.
    quantize_dynamic(plain, args.out / "int8.onnx", weight_type=QuantType.QUInt8, op_types_to_quantize=["MatMul"])


if __name__ == "__main__":
    main()

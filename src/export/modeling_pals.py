"""BERT with the adapter of one task, as PALs trains it: PyTorch alone, under transformers' base classes.

`config.pals_adapter` holds the adapter's kind and settings. A kind is a class below and a row of KINDS; its modules
have the names that they have in a model folder of PALs. Shapes: B rows, T tokens, H hidden_size, P adapter size.
"""

import torch
from torch import nn
from torch.nn import functional
from transformers import BertConfig, PreTrainedModel
from transformers.modeling_outputs import (
    BaseModelOutputWithPooling,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)

PAL_HEADS, TOP_HEADS, TOP_BLOCKS = 6, 12, 6
ACTIVATIONS = {
    "gelu": functional.gelu,
    "gelu_new": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
}


class PalsConfig(BertConfig):
    model_type = "pals"


# ---- Parts of BERT ----


class SelfAttention(nn.Module):
    def __init__(self, size, heads, dropout=0.0):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query, self.key, self.value = (nn.Linear(size, size) for _ in range(3))

    def forward(self, x, mask):  # [B, T, size], [B, 1, 1, T] -> [B, T, size]
        q, k, v = (part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value))
        context = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask,
                                                          dropout_p=self.dropout if self.training else 0.0)
        return context.transpose(1, 2).flatten(2)


class BlockOutput(nn.Module):
    """A dense layer, the residual, terms of an adapter, LayerNorm."""

    def __init__(self, in_features, size, config):
        super().__init__()
        self.dense = nn.Linear(in_features, size)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x, residual, term=None, module=None, reads="dense"):
        dense = self.dropout(self.dense(x))
        total = dense + residual
        if term is not None:
            total = total + term
        if module is not None:
            total = total + module(dense if reads == "dense" else self.LayerNorm(total))
        return self.LayerNorm(total)


class Attention(nn.Module):
    def __init__(self, size, heads, config):
        super().__init__()
        self.self = SelfAttention(size, heads, config.attention_probs_dropout_prob)
        self.output = BlockOutput(size, size, config)

    def forward(self, x, mask, **terms):
        return self.output(self.self(x, mask), x, **terms)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = Attention(config.hidden_size, config.num_attention_heads, config)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.intermediate_size)})
        self.output = BlockOutput(config.intermediate_size, config.hidden_size, config)
        self.activation = ACTIVATIONS[config.hidden_act]

    def forward(self, x, mask, number=None, adapter=None):
        if adapter is None:
            attended = self.attention(x, mask)
            return self.output(self.activation(self.intermediate["dense"](attended)), attended)
        attended = self.attention(x, mask, module=adapter.behind("attention", number), reads=adapter.reads)
        inner = self.activation(self.intermediate["dense"](attended))
        y = self.output(inner, attended, adapter.scaled_term(number, x, attended, mask),
                        adapter.behind("output", number), adapter.reads)
        return adapter.after_layer(number, y)


class Embeddings(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.word_embeddings = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, words, token_type_ids, position_ids):
        if position_ids is None:
            position_ids = torch.arange(words.shape[1], device=words.device)[None]
        if token_type_ids is None:
            token_type_ids = torch.zeros(words.shape[:2], dtype=torch.long, device=words.device)
        total = words + self.token_type_embeddings(token_type_ids) + self.position_embeddings(position_ids)
        return self.dropout(self.LayerNorm(total))


# ---- Adapters ----


class Bottleneck(nn.Module):
    def __init__(self, hidden_size, size, activation="gelu"):
        super().__init__()
        self.down, self.up = nn.Linear(hidden_size, size), nn.Linear(size, hidden_size)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x):
        return self.up(self.activation(self.down(x)))


class Scale(nn.Module):
    """Learning hidden unit contributions."""

    def __init__(self, size):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(size))

    def forward(self, x):
        return x * (2.0 * torch.sigmoid(self.scale))


class Adapter(nn.Module):
    """No adapter but LHUC where the kind's name ends so. A kind says what it adds, and where."""

    reads = "dense"  # what behind() gives reads: the block's dense output, or what LayerNorm makes of it
    scales_term = False  # LHUC scales the term of the feed-forward block, not the layer's output

    def __init__(self, config):
        super().__init__()
        self.settings, self.hidden_size = config.pals_adapter, config.hidden_size
        self.layer = nn.ModuleDict({str(number): nn.ModuleDict() for number in self.settings.get("layers") or []})
        self.build(config)
        if self.settings["kind"] == "lhuc" or self.settings["kind"].endswith("_lhuc"):
            self.add_to_layers("lhuc", lambda: Scale(self.hidden_size))

    def add_to_layers(self, name, make):
        for modules in self.layer.values():
            modules[name] = make()

    def module(self, number, name):
        key = str(number)
        return self.layer[key][name] if key in self.layer and name in self.layer[key] else None

    def scaled(self, number, x):
        lhuc = self.module(number, "lhuc")
        return x if lhuc is None else lhuc(x)

    def scaled_term(self, number, x, attended, mask):
        term = self.term(number, x, attended, mask)
        return self.scaled(number, term) if self.scales_term and term is not None else term

    def after_layer(self, number, y):
        return y if self.scales_term else self.scaled(number, y)

    def build(self, config):
        """Makes the modules."""

    def behind(self, block, number):
        """The module whose output is added at the end of a layer's block."""
        return None

    def term(self, number, x, attended, mask):
        """What is added at the end of the feed-forward block, of the layer's input or the attention's output."""
        return None

    def after_encoder(self, y, mask):
        return y


class Pals(Adapter):
    scales_term = True

    def build(self, config):
        size = self.settings["size"]
        self.pal = nn.ModuleDict({"down": nn.Linear(self.hidden_size, size), "up": nn.Linear(size, self.hidden_size)})
        self.add_to_layers("pal", lambda: SelfAttention(size, PAL_HEADS))

    def projected(self, number, x, mask):
        attention = self.module(number, "pal")
        if attention is None:
            return None
        return functional.gelu(self.pal["up"](attention(self.pal["down"](x), mask)))

    def term(self, number, x, attended, mask):
        return self.projected(number, x, mask)


class LowRank(Adapter):
    scales_term = True

    def build(self, config):
        self.add_to_layers("low_rank", lambda: Bottleneck(self.hidden_size, self.settings["size"]))

    def term(self, number, x, attended, mask):
        low_rank = self.module(number, "low_rank")
        return None if low_rank is None else low_rank(x)


class Houlsby(Adapter):
    def build(self, config):
        size = self.settings["size"]
        self.add_to_layers("houlsby", lambda: nn.ModuleDict({
            "attention": Bottleneck(self.hidden_size, size), "output": Bottleneck(self.hidden_size, size)}))

    def behind(self, block, number):
        houlsby = self.module(number, "houlsby")
        return houlsby["attention"] if houlsby is not None and block == "attention" else None

    def term(self, number, x, attended, mask):
        houlsby = self.module(number, "houlsby")
        return None if houlsby is None else houlsby["output"](attended)


class HoulsbyPals(Pals):
    scales_term = False

    def build(self, config):
        super().build(config)
        self.add_to_layers("houlsby", lambda: nn.ModuleDict({
            "attention": Bottleneck(self.hidden_size, self.settings["bottleneck_size"])}))

    behind = Houlsby.behind

    def term(self, number, x, attended, mask):
        return self.projected(number, attended, mask)


class BottleneckAdapter(Adapter):
    def build(self, config):
        self.reads = self.settings["reads"]
        self.add_to_layers("bottleneck", lambda: nn.ModuleDict({
            block: Bottleneck(self.hidden_size, self.settings["size"], self.settings["activation"])
            for block in self.settings["after"]}))

    def behind(self, block, number):
        modules = self.module(number, "bottleneck")
        return modules[block] if modules is not None and block in modules else None


class TopAttention(Adapter):
    def build(self, config):
        size = self.settings["size"]
        self.top = nn.ModuleDict({
            "down": nn.Linear(self.hidden_size, size),
            "layer": nn.ModuleList(Attention(size, TOP_HEADS, config) for _ in range(TOP_BLOCKS)),
            "up": nn.Linear(size, self.hidden_size)})

    def after_encoder(self, y, mask):
        y = self.top["down"](y)
        for block in self.top["layer"]:
            y = block(y, mask)
        return self.top["up"](y)


class TopBertLayer(Adapter):
    def build(self, config):
        self.top = nn.ModuleDict({"bert_layer": Layer(config)})

    def after_encoder(self, y, mask):
        return self.top["bert_layer"](y, mask)


KINDS = {"none": Adapter, "pals": Pals, "low_rank": LowRank, "houlsby": Houlsby, "houlsby_pals": HoulsbyPals,
         "bottleneck": BottleneckAdapter, "top_attention": TopAttention, "top_bert_layer": TopBertLayer}


def make_adapter(config):
    kind = config.pals_adapter["kind"]
    kind = "none" if kind == "lhuc" else kind.removesuffix("_lhuc")
    if kind not in KINDS:
        raise ValueError(f"unknown adapter {kind!r}; known: {', '.join(KINDS)}")
    return KINDS[kind](config)


# ---- Models ----


class PalsPreTrainedModel(PreTrainedModel):
    config_class = PalsConfig
    base_model_prefix = "bert"
    _supports_sdpa = True

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=self.config.initializer_range)
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
        if isinstance(module, (nn.Linear, nn.LayerNorm)):
            nn.init.zeros_(module.bias)
        if isinstance(module, Scale):
            nn.init.zeros_(module.scale)


class PalsModel(PalsPreTrainedModel):
    """The encoder with the task's adapter."""

    def __init__(self, config, add_pooling_layer=True):
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))})
        self.adapter = make_adapter(config)
        self.pooler = None
        if add_pooling_layer:
            self.pooler = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.hidden_size)})
        self.post_init()

    def get_input_embeddings(self):
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value):
        self.embeddings.word_embeddings = value

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, position_ids=None, inputs_embeds=None,
                output_hidden_states=None, return_dict=None, **_):
        words = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        y = self.embeddings(words, token_type_ids, position_ids)
        mask = None
        if attention_mask is not None:
            mask = torch.zeros_like(attention_mask, dtype=y.dtype)
            mask = mask.masked_fill(attention_mask == 0, torch.finfo(y.dtype).min)[:, None, None, :]
        states = [y]
        for number, layer in enumerate(self.encoder["layer"]):
            y = layer(y, mask, number, self.adapter)
            states.append(y)
        y = states[-1] = self.adapter.after_encoder(y, mask)
        pooled = None if self.pooler is None else torch.tanh(self.pooler["dense"](y[:, 0]))
        output = BaseModelOutputWithPooling(last_hidden_state=y, pooler_output=pooled,
                                            hidden_states=tuple(states) if output_hidden_states else None)
        return output.to_tuple() if return_dict is False else output


class PalsHead(PalsPreTrainedModel):
    """What the models with a head have in common: a head is a dense layer on the pooled output or on every token."""

    head, reads_tokens, output_class = "classifier", False, SequenceClassifierOutput

    def __init__(self, config):
        super().__init__(config)
        self.bert = PalsModel(config, add_pooling_layer=not self.reads_tokens)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        setattr(self, self.head, nn.Linear(config.hidden_size, self.num_outputs(config)))
        self.post_init()

    def num_outputs(self, config):
        return config.num_labels

    def logits(self, inputs):
        output = self.bert(**{**inputs, "return_dict": True})
        read = output.last_hidden_state if self.reads_tokens else self.dropout(output.pooler_output)
        return getattr(self, self.head)(read), output.hidden_states

    def loss(self, logits, labels):
        return functional.cross_entropy(logits.flatten(0, -2), labels.flatten())

    def forward(self, input_ids=None, labels=None, return_dict=None, **inputs):
        logits, states = self.logits({"input_ids": input_ids, **inputs})
        loss = None if labels is None else self.loss(logits, labels)
        output = self.output_class(loss=loss, logits=logits, hidden_states=states)
        return output.to_tuple() if return_dict is False else output


class PalsForSequenceClassification(PalsHead):
    def loss(self, logits, labels):
        if self.config.problem_type == "regression":
            return functional.mse_loss(logits.flatten(), labels.flatten().to(logits.dtype))
        if self.config.problem_type == "multi_label_classification":
            return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        return super().loss(logits, labels)


class PalsForTokenClassification(PalsHead):
    reads_tokens, output_class = True, TokenClassifierOutput


class PalsForMultipleChoice(PalsHead):
    """input_ids [B, choices, T] -> logits [B, choices]."""

    output_class = MultipleChoiceModelOutput

    def num_outputs(self, config):
        return 1

    def logits(self, inputs):
        choices = inputs["input_ids"].shape[1]
        by_row = ("input_ids", "attention_mask", "token_type_ids", "position_ids")
        inputs = {name: value.flatten(0, 1) if name in by_row and value is not None else value
                  for name, value in inputs.items()}
        logits, states = super().logits(inputs)
        return logits.view(-1, choices), states


class PalsForQuestionAnswering(PalsHead):
    head, reads_tokens = "qa_outputs", True

    def num_outputs(self, config):
        return 2

    def forward(self, input_ids=None, start_positions=None, end_positions=None, return_dict=None, **inputs):
        logits, states = self.logits({"input_ids": input_ids, **inputs})
        start, end = (part.squeeze(-1) for part in logits.split(1, dim=-1))
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = (functional.cross_entropy(start, start_positions) + functional.cross_entropy(end, end_positions)) / 2
        output = QuestionAnsweringModelOutput(loss=loss, start_logits=start, end_logits=end, hidden_states=states)
        return output.to_tuple() if return_dict is False else output
